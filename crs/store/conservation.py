"""Conservation: of every mailbox, posted + received = held + acked + expired + purged + forwarded.

Each figure is counted in the mailbox's ledger by the script that makes the change; what is held is counted anew. Both
are read in one atomic step for each client, so a difference is never due to traffic; the differences of an account's
clients add up to the account's. The workers compare, each for the slots it owns, and leave what they found in
redis_high.
"""

from collections.abc import Iterable, Iterator

import msgspec

from .. import names
from ..names import Client
from . import schema
from .commands import Commands, pairs

BATCH = 100  # clients looked at in one round trip
LIFE = 300_000  # ms that what a worker found counts


class Sheet(msgspec.Struct, array_like=True):
    """Items (messages, and reports on them) of one account, or of a part of its clients."""

    posted: int = 0  # stored here first
    received: int = 0  # from another host or pool
    acked: int = 0  # deleted as every device has acknowledged them
    expired: int = 0  # deleted as their time was over
    purged: int = 0  # deleted with the device, or the client, whose copy was the last
    forwarded: int = 0  # handed over to another host or pool
    stored: int = 0  # held now, counted anew

    @property
    def difference(self) -> int:
        """0; positive where items were lost, negative where items are held that nobody posted."""
        return self.posted + self.received - self.stored - self.acked - self.expired - self.purged - self.forwarded

    def __add__(self, other: "Sheet") -> "Sheet":
        return Sheet(*(mine + theirs for mine, theirs in zip(self._figures(), other._figures(), strict=True)))

    def _figures(self) -> tuple[int, ...]:
        return tuple(getattr(self, field) for field in self.__struct_fields__)


class _Found(msgspec.Struct):
    """What one worker found: when (ms), and a sheet for each account."""

    time: int
    sheets: dict[str, Sheet]


_found = msgspec.json.Decoder(_Found).decode


class Conservation:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, high: Commands, low: Commands):
        self._high = high
        self._low = low

    def clients(self, buckets: Iterable[int]) -> Iterator[list[Client]]:
        """Every client of these buckets that has messages, or had some whose time is not over; some at a time."""
        for bucket in buckets:
            members = self._low.call("ZRANGE", schema.due(schema.MAIL_DUE, bucket), 0, -1)
            found = sorted({member.partition(b" ")[2].decode() for member in members})
            for at in range(0, len(found), BATCH):
                yield [names.client(name) for name in found[at : at + BATCH]]

    def weigh(self, clients: list[Client]) -> Iterator[tuple[Client, Sheet]]:
        """The sheet of each client."""
        answers = self._low.all(
            [self._low.evalsha("balance", (schema.mail(client), schema.ledger(client))) for client in clients]
        )
        for client, (posted, *others) in zip(clients, answers, strict=True):
            if posted is not None:
                yield client, Sheet(int(posted), *(int(figure or 0) for figure in others))

    def report(self, worker: str, sheets: dict[str, Sheet], now: int) -> None:
        """Leave what a worker found, in the place of what it found before."""
        self._high.call("HSET", schema.conservation(), worker, msgspec.json.encode(_Found(now, sheets)))

    def sheets(self, now: int) -> dict[str, Sheet]:
        """By account: what the workers found lately."""
        total: dict[str, Sheet] = {}
        for _, text in pairs(self._high.call("HGETALL", schema.conservation())):
            found = _found(text)
            for account, sheet in found.sheets.items() if now - found.time < LIFE else ():
                total[account] = total.get(account, Sheet()) + sheet
        return total
