"""Statistics of the clients of an account, as ``stats export`` has them (manual, chapter 5, stats).

Counted while statistics are enabled for the account; which event counts for what is said where it happens. Whoever made
a change counts it, once it is made, so nothing counts twice; where a process is killed between the two, a count may be
missing. Never here: whether statistics are enabled (``crs.accounts``).
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..names import Client
from ..trust import months
from . import schema
from .commands import Commands, pairs
from .operator import Operator

COUNTED = ("session-outgoing", "session-incoming", "message-outgoing", "message-incoming", "system-outgoing",
           "system-incoming", "conference-calls", "initiated-multi-session", "accepted-multi-session",
           "sent-group-call-invite", "accepted-group-call-invite")
STATED = ("current-offered", "current-confirmed", "next-offered", "next-confirmed")
COLUMNS = ("tel-uri", *COUNTED, *STATED)
BATCH = 500       # clients read in one round trip


class Row(NamedTuple):
    """One client: ``counts`` in the order of COUNTED, ``states`` in that of STATED."""

    uri: str
    counts: tuple[int, ...]
    states: tuple[bool, ...]


class Statistics:
    """Every method but ``count`` raises Unavailable where Redis did not do it for certain."""

    def __init__(self, low: Commands, operator: Operator):
        self._low = low
        self._operator = operator

    def count(self, client: Client, column: str) -> None:
        """One more of ``column`` (one of COUNTED). A hint: never waits, never raises."""
        self._low.tell("HINCRBY", schema.usage(client), column, 1)

    def export(self, account: str, now: int, after: str = "") -> Iterator[Row]:
        """Every client of an account that is listed, was observed or has counts, in the order of their URIs (of those
        behind ``after``). The current month and the next are those of ``now`` (ms)."""
        current = months.of(now)
        month_pair = (current, months.after(current))
        offered = [update.uris if update else frozenset()
                   for update in (self._operator.update(account, month) for month in month_pair)]
        counted = {schema.client_of(key).uri for key, _ in
                   self._low.each(schema.usage(Client("*", account)), lambda key: ("EXISTS", key))}
        observed = {uri.decode() for uri in self._low.call("SMEMBERS", schema.observed(account))}
        uris = sorted(uri for uri in counted.union(observed, *offered) if uri > after)
        for start in range(0, len(uris), BATCH):
            yield from self._rows(account, uris[start:start + BATCH], month_pair, offered)

    def _rows(self, account: str, uris: list[str], month_pair, offered) -> Iterator[Row]:
        clients = [Client(uri, account) for uri in uris]
        counts = self._low.all([("HMGET", schema.usage(client), *COUNTED) for client in clients])
        taken = self._low.all([("HMGET", schema.confirmed(client), *month_pair) for client in clients])
        for uri, numbers, confirmed in zip(uris, counts, taken, strict=True):
            states = [state for listed, time in zip(offered, confirmed, strict=True)
                      for state in (uri in listed, time is not None)]
            yield Row(uri, tuple(int(number or 0) for number in numbers), tuple(states))

    def of(self, client: Client) -> dict[str, int]:
        """What was counted for one client."""
        return {column.decode(): int(number)
                for column, number in pairs(self._low.call("HGETALL", schema.usage(client)))}

    def clear(self, account: str) -> int:
        """Forget what was counted for an account; returns for how many clients something was."""
        return sum(1 for _, gone in self._low.each(schema.usage(Client("*", account)), lambda key: ("UNLINK", key))
                   if gone)
