"""The relay conversations of calls and conferences: allocated and freed at this host's relay.

What is not freed because the relay is down or the worker dies expires there by itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .. import log
from ..errors import Busy, Conflict, NoSuchSession, Unavailable
from ..relay.client import RelayClient, RelayRefused
from ..store.calls import Call
from ..wire.vocabulary import Candidate
from .media import Credentials, RelayedStream

LOG = log.get("attach")
KINDS = {"rtp": "RTP", "opaque": "OPAQUE"}  # of a stream: as the relay writes it


class Relays:
    """``candidates``: where clients bind."""

    def __init__(self, relay: RelayClient, candidates: list[Candidate]):
        self.candidates = candidates
        self._relay = relay

    def allocate(self, call: Call, streams: Sequence[RelayedStream]) -> None:
        """Have the relay hold the conversations of a call; those it has already are left as they are.

        Raises Busy (a limit of crs-relay.conf), Unavailable.
        """
        for stream in streams:
            self._add(
                stream.conversation,
                KINDS[stream.kind],
                (stream.caller, stream.callee),
                [call.id, call.caller, call.callee],
            )

    @contextmanager
    def allocated(self, call: Call, streams: Sequence[RelayedStream], new: Sequence[RelayedStream]) -> Iterator[None]:
        """Allocate ``streams``, so that what the call's record names from within the ``with`` on is there already.

        Where the record was certainly not changed, those of them that are ``new`` are freed again. Raises as
        ``allocate``.
        """
        try:
            self.allocate(call, streams)
            yield
        except (Busy, Conflict, NoSuchSession):
            self.release(new)
            raise

    def allocate_multicast(self, conversation: str, legs: Sequence[Credentials], identifiers: list[str]) -> None:
        """Have the relay hold a conversation of these legs, in which a packet goes to all others. Raises as
        ``allocate``."""
        self._add(conversation, "OPAQUE_MULTICAST", legs, identifiers)

    def release(self, streams: Sequence[RelayedStream]) -> None:
        """Free the conversations of a call."""
        for stream in streams:
            self.release_conversation(stream.conversation)

    def release_conversation(self, conversation: str) -> None:
        """Free one conversation."""
        try:
            self._relay.remove(conversation)
        except (Unavailable, RelayRefused) as error:
            LOG.debug(f"relay did not remove {conversation}: {error}")

    def _add(self, conversation: str, kind: str, legs: Sequence[Credentials], identifiers: list[str]) -> None:
        try:
            self._relay.add(conversation, kind, [{"ufrag": ufrag, "pwd": pwd} for ufrag, pwd in legs], identifiers)
        except RelayRefused as refusal:
            if refusal.error == "limit":
                raise Busy(f"no {kind.lower()} relay is free on this host") from None
            LOG.warn(f"relay refused {conversation}: {refusal}")
            raise Unavailable("the relay refused the conversation") from None
