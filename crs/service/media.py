"""The relayed streams of a call: their legs, as the call's record keeps them and as each party is told.

Values only: no sockets, no Redis. The relay itself is in ``relay/``; ``worker.allocate`` hands it what stands here.
"""

import string

import msgspec

from ..wire.vocabulary import Candidate, Leg, Stream, StreamInfo

ALPHABET = string.ascii_letters + string.digits  # a subset of ice-char (RFC 8839, chapter 5.4)
UFRAG_LENGTH = 20  # so a bare Binding is never shorter than its answer (doc/relay.md)
PWD_LENGTH = 24  # 142 bits; RFC 8445 asks for 128
ROLES = ("caller", "callee")


class RelayedStream(msgspec.Struct, array_like=True):
    """One stream in the record of a call. ``caller`` and ``callee`` are (ufrag, pwd) of their legs."""

    conversation: str
    kind: str
    media: str
    caller: tuple[str, str]
    callee: tuple[str, str]

    def leg(self, role: str) -> tuple[str, str]:
        return self.caller if role == "caller" else self.callee


_decode = msgspec.json.Decoder(list[RelayedStream]).decode


def load(text: str) -> list[RelayedStream]:
    """The streams of a call's record."""
    return _decode(text) if text else []


def dump(streams: list[RelayedStream]) -> str:
    return msgspec.json.encode(streams).decode()


def credentials(random) -> tuple[str, str]:
    """A fresh username fragment and password for one leg."""
    letters = random.choices(ALPHABET, k=UFRAG_LENGTH + PWD_LENGTH)
    return "".join(letters[:UFRAG_LENGTH]), "".join(letters[UFRAG_LENGTH:])


def new_stream(session: str, stream: Stream | StreamInfo, number: int, random) -> RelayedStream:
    """Fresh legs for stream ``number`` of a call; the conversation's name is new with every allocation."""
    name = f"{session}/{number}/{''.join(random.choices(ALPHABET, k=6))}"
    return RelayedStream(name, stream.kind, stream.media, credentials(random), credentials(random))


def legs(streams: list[RelayedStream], role: str, candidates: list[Candidate]) -> list[Leg]:
    """The legs of one party, in the order of the streams."""
    return [Leg(number, stream.kind, *stream.leg(role), candidates) for number, stream in enumerate(streams)]


def infos(streams: list[RelayedStream]) -> list[StreamInfo]:
    return [StreamInfo(stream.kind, stream.media) for stream in streams]
