"""What is kept for a client beside its mailbox: its token, which crypto updates it has taken, that it was seen.

Never here: what is in a token or an update; both are opaque.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..names import Client
from . import schema
from .commands import Commands, pairs


class Token(NamedTuple):
    """A client token as the client stored it."""

    value: str
    updated: int    # ms


class Objects:
    """Every method raises Unavailable where Redis did not do it for certain."""

    def __init__(self, low: Commands):
        self._low = low

    def put_token(self, client: Client, value: str, now: int) -> None:
        """Store the client token in the place of the one before."""
        self._low.call("HSET", schema.token(client), "value", value, "updated", now)

    def token(self, client: Client) -> Token | None:
        """The client token; None while the client never stored one."""
        value, updated = self._low.call("HMGET", schema.token(client), "value", "updated")
        return None if value is None else Token(value.decode(), int(updated))

    def confirm(self, client: Client, month: str, now: int) -> None:
        """Note that the client has taken its crypto update of ``month`` (the first time counts)."""
        self._low.call("HSETNX", schema.confirmed(client), month, now)

    def confirmed(self, client: Client) -> dict[str, int]:
        """The months whose crypto update the client has taken, and when (ms)."""
        flat = self._low.call("HGETALL", schema.confirmed(client))
        return {month.decode(): int(time) for month, time in pairs(flat)}

    def observe(self, client: Client) -> None:
        """Note that a client, though not listed, registered with a good key."""
        self._low.call("SADD", schema.observed(client.account), client.uri)

    def observed(self, clients: Iterable[Client]) -> list[bool]:
        """Which of these were observed."""
        answers = self._low.all([("SISMEMBER", schema.observed(client.account), client.uri) for client in clients])
        return [answer == 1 for answer in answers]

    def forget_observed(self, account: str) -> int:
        """Forget the observed clients of an account; returns how many there were."""
        count, _ = self._low.all((("SCARD", schema.observed(account)), ("UNLINK", schema.observed(account))))
        return count
