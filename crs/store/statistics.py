"""Statistics of the clients of an account, as ``stats export`` has them (manual, chapter 5, stats).

Whoever made a change counts it, once it is made, and only while statistics are enabled for the account. So nothing
counts twice; where a process is killed between the change and the count, a count may be missing.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from ..names import Client
from ..trust import months
from . import schema
from .commands import Commands
from .ordering import least, ordered

COUNTED = (
    "session-outgoing",
    "session-incoming",
    "message-outgoing",
    "message-incoming",
    "system-outgoing",
    "system-incoming",
    "conference-calls",
    "initiated-multi-session",
    "accepted-multi-session",
    "sent-group-call-invite",
    "accepted-group-call-invite",
)
STATED = ("current-offered", "current-confirmed", "next-offered", "next-confirmed")
COLUMNS = ("tel-uri", *COUNTED, *STATED)
BATCH = 500  # clients read in one round trip


class Row(NamedTuple):
    """One client: ``counts`` in the order of COUNTED, ``states`` in that of STATED."""

    uri: str
    counts: tuple[int, ...]
    states: tuple[bool, ...]


class Statistics:
    """Every method but ``count`` raises Unavailable unless Redis has confirmed it."""

    def __init__(self, low: Commands):
        self._low = low

    def count(self, client: Client, column: str) -> None:
        """One more of ``column`` (one of COUNTED). A hint: never waits, never raises."""
        self._low.tell("HINCRBY", schema.usage(client), column, 1)

    def export(self, account: str, now: int) -> Iterator[Row]:
        """Every client of an account that is listed, was observed or has counts, in the order of their URIs. The
        current month and the next are those of ``now`` (ms)."""
        month_pair = _months(now)
        uris = ordered(self._uris(account, month_pair))
        while page := list(islice(uris, BATCH)):
            yield from self._rows(account, [uri.decode() for uri in page], month_pair)

    def page(self, account: str, now: int, after: str, count: int) -> list[Row]:
        """As ``export``: the first ``count`` clients (some hundred at most) behind ``after``."""
        month_pair, behind = _months(now), after.encode()
        uris = least((uri for uri in self._uris(account, month_pair) if uri > behind), count)
        return list(self._rows(account, [uri.decode() for uri in uris], month_pair))

    def _uris(self, account: str, month_pair: tuple[str, str]) -> Iterator[bytes]:
        """Who has a row; in no order, and some several times."""
        for key in self._low.keys(schema.usage(Client("*", account))):
            yield schema.client_of(key).uri.encode()
        yield from self._low.members(schema.observed(account))
        for month in month_pair:
            yield from self._low.fields(schema.crypto_updates(account, month))

    def _rows(self, account: str, uris: list[str], month_pair: tuple[str, str]) -> Iterator[Row]:
        clients = [Client(uri, account) for uri in uris]
        counts = self._low.all([("HMGET", schema.usage(client), *COUNTED) for client in clients])
        taken = self._low.all([("HMGET", schema.confirmed(client), *month_pair) for client in clients])
        offered = [
            self._low.all([("HEXISTS", schema.crypto_updates(account, month), uri) for uri in uris])
            for month in month_pair
        ]
        for uri, numbers, confirmed, *listed in zip(uris, counts, taken, *offered, strict=True):
            states = [
                state for offer, time in zip(listed, confirmed, strict=True) for state in (offer == 1, time is not None)
            ]
            yield Row(uri, tuple(int(number or 0) for number in numbers), tuple(states))

    def clear(self, account: str) -> int:
        """Forget what was counted for an account; returns for how many clients something was."""
        return sum(
            1 for _, gone in self._low.each(schema.usage(Client("*", account)), lambda key: ("UNLINK", key)) if gone
        )


def _months(now: int) -> tuple[str, str]:
    """The current month and the next."""
    current = months.of(now)
    return current, months.after(current)
