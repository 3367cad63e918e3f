"""Mailboxes: post, fetch, acknowledge, expire. At least once, in order per sender, never twice under one id.

What is stored survives kill -9 of anything (redis_low writes to the disk before it answers), and every change is one
script. What expires is handled in two steps of the caller, each of which may be repeated: first the report is stored
for the sender, then the message is deleted. The form of an item is in ``items``.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .. import names
from ..names import Client
from . import items, schema
from .acknowledgement import Acknowledgement, Told
from .commands import Commands
from .due import DueList
from .items import MESSAGE, PRIMARY, Draft, Kind, MailItem, Quota, Receipt

FETCH_BYTES = 524_288  # bytes of one fetch: well below what a worker queues for a slow client


class Page(NamedTuple):
    """What a fetch found."""

    items: list[MailItem]
    more: bool  # whether there are items behind these
    newest: int  # the seq that this mailbox gave last


class Counts(NamedTuple):
    """What ``show message`` tells of a client; ``read`` in ms, 0 for never."""

    posted: int
    delivered: int
    read: int


class Mailbox:
    """All mailboxes of this host. Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, low: Commands):
        self._low = low
        self._due = DueList(low, schema.MAIL_DUE)

    def post(self, draft: Draft, now: int, quota: Quota, acknowledgement: Acknowledgement | None = None) -> Receipt:
        """Store an item for every device of its receiver. When this returns it is on the disk.

        A ref that was here before is answered, not stored again, until the first item under it would have expired. An
        ``acknowledgement`` goes with it, and is carried out also where the item is refused. Raises QuotaExceeded (for
        messages), and Conflict where the ref was used for something else.
        """
        keys, item = items.entry(self._due, draft, now, quota)
        commands = [self._low.evalsha("post", keys, (now, *item)), ("ZCARD", schema.box(draft.sender, PRIMARY))]
        if acknowledgement is not None:
            commands.insert(0, acknowledgement.command)
        *acknowledged, stored, backlog = self._low.all(commands)
        if acknowledgement is not None:
            acknowledgement.carried_out(*acknowledged)
        return items.receipt(draft, stored, backlog)

    def report(self, receiver: Client, kind: Kind, of: Sequence[MailItem], now: int, expires_at: int) -> list[Told]:
        """Store for the sender of each message, exempt from quota, what became of it at ``receiver``.

        All in one round trip; when this returns they are on the disk. What was told before is not told again.
        """
        drafts = [Draft(item.sender, receiver, item.id, kind, expires_at) for item in of]
        commands = []
        for draft in drafts:
            keys, item = items.entry(self._due, draft, now)
            commands.append(self._low.evalsha("post", keys, (now, *item)))
        answers = self._low.all(commands)
        return [Told(draft, items.receipt(draft, answer)) for draft, answer in zip(drafts, answers, strict=True)]

    def acknowledgement(
        self, client: Client, device: str, refs: Iterable[str], now: int, expires_at: int
    ) -> Acknowledgement:
        """Take items out of the box of ``device`` (the last box to let go deletes them), and store for the sender of
        each message an ``ack``, exempt from quota: nothing is done before it is given to ``acknowledge`` or ``post``.

        Notes ``now`` as the client's last look (to the second).
        """
        return Acknowledgement(self._low, self._due, client, device, refs, now, expires_at)

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Carry it out. When this returns it is on the disk."""
        acknowledgement.carried_out(self._low.call(*acknowledgement.command))

    def fetch(self, client: Client, device: str, after: int, limit: int, now: int) -> Page:
        """The items of ``device`` behind seq ``after`` in order, at most ``limit`` and about FETCH_BYTES. They stay
        until acknowledged. Notes ``now`` as the client's last look (to the second)."""
        answer = self._low.script(
            "fetch",
            (schema.mail(client), schema.box(client, device), schema.ledger(client), schema.statistics(client)),
            (after, limit, FETCH_BYTES, now),
        )
        more, shown, newest, *found = answer
        return Page(items.stored(found, int(shown)), bool(more), int(newest))

    def shown(self, given: Sequence[tuple[Client, int]]) -> list[bool]:
        """Note which items, by client and seq, were given to a device otherwise than by a fetch; a round trip for some
        hundred clients, so that others' commands come between.

        True for those that are delivered by this: no device was given it, or an item behind it, before. Those that
        a fetch delivers are ``first`` there.
        """
        newest: dict[Client, int] = {}
        for client, seq in given:
            newest[client] = max(seq, newest.get(client, 0))
        known = dict(newest)  # up to where items had been given before; of a mailbox that is gone, all of them
        for client, seq in self._low.of_each(
            newest, lambda client: self._low.evalsha("shown", (schema.ledger(client),), (newest[client],))
        ):
            if seq is not None:
                known[client] = int(seq)
        firsts = []
        for client, seq in given:
            firsts.append(seq > known[client])
            known[client] = max(seq, known[client])
        return firsts

    def waiting(self, client: Client, device: str) -> int:
        """How many items the device has not acknowledged."""
        return int(self._low.call("ZCARD", schema.box(client, device)))

    def state(self, client: Client, device: str) -> tuple[int, int]:
        """How many items the device has not acknowledged, and the seq that this mailbox gave last."""
        newest, waiting = self._low.all((("HGET", schema.ledger(client), "seq"), ("ZCARD", schema.box(client, device))))
        return waiting, int(newest or 0)

    # --- expiry -----------------------------------------------------------------------------------------------------

    def due(self, buckets: Iterable[int], now: int, limit: int) -> Iterator[Client]:
        """Clients that may hold items whose time is over, at most ``limit`` of each bucket.

        For each the caller takes ``expired``, reports, calls ``expire``. A client leaves the list when the caller
        comes back for the next and nothing overdue is left.
        """
        for name, where in self._due.walk(buckets, now, limit):
            client = names.client(name)
            yield client
            if self._low.call("ZCOUNT", schema.tombs(client), "-inf", now):
                self._low.call(*self._due.entry(where, name, now + 1))  # not the entry that now goes

    def expired(self, client: Client, now: int, limit: int) -> list[MailItem]:
        """Items whose time is over, without bodies. They stay until ``expire``, so that they can be reported first."""
        return items.stored(
            self._low.script(
                "overdue", (schema.mail(client), schema.tombs(client), schema.firsts(client)), (now, limit)
            )
        )

    def expire(self, client: Client, refs: Iterable[str], now: int) -> int:
        """Delete reported items whose time is over, with their tombs; returns how many were there."""
        expired: int = self._low.script(
            "expire",
            (
                schema.mail(client),
                schema.ledger(client),
                schema.devices(client),
                schema.tombs(client),
                schema.firsts(client),
            ),
            (schema.box(client, ""), MESSAGE, now, *refs),
        )
        return expired

    # --- statistics -------------------------------------------------------------------------------------------------

    def posted(self, sender: Client) -> None:
        """Count a message that ``sender`` posted. A hint: never waits, never raises."""
        self._low.tell("HINCRBY", schema.statistics(sender), "post", 1)

    def messages(self) -> Iterator[tuple[Client, Counts]]:
        """Every client that ever posted, got an ack or fetched, with its counts; in the order of the clients."""
        for key, counts in self._low.each_client(
            schema.statistics(Client("*", "*")), lambda key: ("HMGET", key, "post", "deliv", "read")
        ):
            if any(counts):  # else it went meanwhile
                yield schema.client_of(key), Counts(*(int(count or 0) for count in counts))
