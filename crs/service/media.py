"""The relayed streams of a call: their legs, as the call's record keeps them and as each party is told.

Values only. ``relays`` has the relay hold what stands here.
"""

import string
from collections.abc import Sequence
from random import Random
from typing import Literal

import msgspec

from ..wire.vocabulary import Candidate, Leg, Stream, StreamInfo

ALPHABET = string.ascii_letters + string.digits  # a subset of ice-char (RFC 8839, chapter 5.4)
UFRAG_LENGTH = 20  # so a bare Binding is never shorter than its answer (doc/relay.md)
PWD_LENGTH = 24  # 142 bits; RFC 8445 asks for 128

Role = Literal["caller", "callee"]  # of a party in a call
Credentials = tuple[str, str]  # username fragment and password of one leg


class RelayedStream(msgspec.Struct, array_like=True):
    """One stream in the record of a call; ``caller`` and ``callee`` are the credentials of their legs."""

    conversation: str
    kind: Literal["rtp", "opaque"]
    media: Literal["audio", "video", "data"]
    caller: Credentials
    callee: Credentials

    def leg(self, role: Role) -> Credentials:
        """The credentials of one party's leg."""
        return self.caller if role == "caller" else self.callee


_decode = msgspec.json.Decoder(list[RelayedStream]).decode


def load(text: str) -> list[RelayedStream]:
    """The streams of a call's record."""
    return _decode(text) if text else []


def dump(streams: Sequence[RelayedStream]) -> str:
    return msgspec.json.encode(streams).decode()


def credentials(random: Random) -> Credentials:
    """A fresh username fragment and password for one leg."""
    letters = random.choices(ALPHABET, k=UFRAG_LENGTH + PWD_LENGTH)
    return "".join(letters[:UFRAG_LENGTH]), "".join(letters[UFRAG_LENGTH:])


def new_stream(session: str, stream: Stream | RelayedStream, number: int, random: Random) -> RelayedStream:
    """Fresh legs for stream ``number`` of a call; the conversation's name is new with every allocation."""
    name = f"{session}/{number}/{''.join(random.choices(ALPHABET, k=6))}"
    return RelayedStream(name, stream.kind, stream.media, credentials(random), credentials(random))


def other(role: Role) -> Role:
    """The other party."""
    return "callee" if role == "caller" else "caller"


def legs(streams: Sequence[RelayedStream], role: Role, candidates: list[Candidate]) -> list[Leg]:
    """The legs of one party, in the order of the streams."""
    return [Leg(number, stream.kind, *stream.leg(role), candidates) for number, stream in enumerate(streams)]


def infos(streams: Sequence[RelayedStream]) -> list[StreamInfo]:
    return [StreamInfo(stream.kind, stream.media) for stream in streams]
