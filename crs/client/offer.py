"""What the two ends of a call exchange, sealed, at set-up: codec and SRTP keys.

The body of *session.invite* is an offer: a key for each suite, one of which the callee picks. The body of
*session.accept* is the answer: that suite and the callee's own key. Each side sends under its own key
(the keys are those of SDES, RFC 4568: master key and salt in one).
"""

import base64
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from crs.errors import CrsError
from crs.wire.rtp import SPEECH

SUITES = {"AEAD_AES_128_GCM": 28, "AES_CM_128_HMAC_SHA1_80": 30}  # the best first; bytes of master key and salt
CODEC = "L16/8000"


class OfferRefused(CrsError):
    """The other end's offer or answer is malformed, or offers nothing that this client can use."""


class Srtp(NamedTuple):
    """The suite and the key of one direction of one stream."""

    suite: str
    key: bytes


class OfferedStream(Struct):
    stream: int
    codec: str
    type: int
    srtp: dict[str, str]


class MediaOffer(Struct):
    v: Literal[1]
    streams: list[OfferedStream]


class AnsweredStream(Struct):
    stream: int
    suite: str
    key: str


class MediaAnswer(Struct):
    v: Literal[1]
    streams: list[AnsweredStream]


NAMES: dict[type, str] = {MediaOffer: "offer", MediaAnswer: "answer"}
Form = TypeVar("Form", MediaOffer, MediaAnswer)


def make_offer(random_bytes: Callable[[int], bytes]) -> MediaOffer:
    """An offer of one stream of speech, with fresh keys."""
    keys = {suite: base64.b64encode(random_bytes(length)).decode() for suite, length in SUITES.items()}
    return MediaOffer(1, [OfferedStream(0, CODEC, SPEECH, keys)])


def make_answer(offer: MediaOffer, random_bytes: Callable[[int], bytes]) -> tuple[MediaAnswer, Srtp, Srtp]:
    """The answer to ``offer`` and what the callee sends and receives with. Raises OfferRefused."""
    stream = next((each for each in offer.streams if (each.stream, each.codec, each.type) == (0, CODEC, SPEECH)), None)
    if stream is None:
        raise OfferRefused(f"no {CODEC} speech is offered")
    suite = next((suite for suite in SUITES if suite in stream.srtp), None)
    if suite is None:
        raise OfferRefused(f"none of {', '.join(SUITES)} is offered")
    send = Srtp(suite, random_bytes(SUITES[suite]))
    answer = MediaAnswer(1, [AnsweredStream(0, suite, base64.b64encode(send.key).decode())])
    return answer, send, _srtp(suite, stream.srtp[suite])


def take_answer(offer: MediaOffer, answer: MediaAnswer) -> tuple[Srtp, Srtp]:
    """What the caller sends and receives with, when ``answer`` answers its ``offer``. Raises OfferRefused."""
    for stream in answer.streams:
        if stream.stream == 0 and stream.suite in offer.streams[0].srtp:
            return _srtp(stream.suite, offer.streams[0].srtp[stream.suite]), _srtp(stream.suite, stream.key)
    raise OfferRefused("the answer takes no stream and suite that were offered")


encode = msgspec.json.encode


def decode(body: bytes, form: type[Form]) -> Form:
    """Read an opened body. Raises OfferRefused."""
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.DecodeError as error:
        raise OfferRefused(f"not a media {NAMES[form]}: {error}") from None


def _srtp(suite: str, key: str) -> Srtp:
    try:
        plain = base64.b64decode(key, validate=True)
    except ValueError:
        plain = b""
    if len(plain) != SUITES.get(suite):
        raise OfferRefused(f"the {suite} key is not {SUITES.get(suite)} bytes of base64")
    return Srtp(suite, plain)
