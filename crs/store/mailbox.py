"""Mailboxes: post, fetch, acknowledge, expire. At least once, in order per sender, never twice under one id.

What is stored survives kill -9 of anything (redis_low writes to the disk before it answers), and every change is one
script on the keys of one client. What concerns two clients is two steps of the caller, each of which may be repeated:
first the report for the sender, then the message goes. Never here: who may write to whom, and waking devices.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from .. import names
from ..errors import Conflict, QuotaExceeded
from ..names import Client
from ..pool import slots
from . import schema
from .commands import Commands
from .due import DueList, rounded

PRIMARY = "primary"        # the box of the primary device, whatever its id: a replaced phone finds the mail
MESSAGE = "message:"       # what the ref of a message begins with
REPORT = "report:"         # what the ref of an ack or an expired begins with: of the two only one is ever told
FETCH_BYTES = 524_288      # bytes of one fetch: well below what a worker queues for a slow client


class Header(msgspec.Struct, array_like=True):
    """What is stored with an item besides its body."""

    kind: str              # content, system, ack, expired
    uri: str               # of the sender, or of the receiver whose ack this is
    account: str
    id: str                # of the message, chosen by its sender
    time: int              # ms, when it was stored first
    expires: int           # ms


class Stored(NamedTuple):
    """One item of a mailbox."""

    ref: str
    seq: int
    kind: str
    sender: Client
    id: str
    time: int
    expires: int
    body: str = ""
    first: bool = False    # no device fetched it, or one behind it, before


class Posted(NamedTuple):
    new: bool              # False: it was known already, and nothing was stored
    time: int              # ms, when it was stored first
    waiting: int           # items in the box of the receiver's primary device
    backlog: int           # items in the box of the sender's


class Counts(NamedTuple):
    """What ``show message`` tells of a client; ``read`` in ms, 0 for never."""

    posted: int
    delivered: int
    read: int


_decode_header = msgspec.json.Decoder(Header).decode


def ref(kind: str, sender: Client, id: str) -> str:
    """The name of an item in a mailbox. Two posts with the same ref are the same item, also as content and system."""
    return f"{MESSAGE if kind in ('content', 'system') else REPORT}{sender}:{id}"


class Mailbox:
    """All mailboxes of this host. Every method raises Unavailable where Redis did not do it for certain."""

    def __init__(self, low: Commands):
        self._low = low
        self._due = DueList(low, schema.MAIL_DUE)

    def post(self, receiver: Client, ref: str, sender: Client, id: str, kind: str, body: str, now: int,
             expires_at: int, max_count: int, max_bytes: int, quota: bool = True) -> Posted:
        """Store an item for every device of ``receiver``. When this returns it is on the disk.

        A ref that was here before is answered, not stored again, until ``expires_at`` of the first. With ``quota`` at
        most ``max_count`` messages and ``max_bytes`` are held. Raises QuotaExceeded, and Conflict where the ref was
        used for something else.
        """
        *_, stored, backlog = self._low.all((
            *self._store(receiver, ref, sender, id, kind, body, now, expires_at, max_count, max_bytes, quota),
            ("ZCARD", schema.box(sender, PRIMARY))))
        return _posted(id, kind, body, stored, backlog, quota)

    def report(self, receiver: Client, kind: str, items: Sequence[Stored], now: int, expires_at: int) -> list[Posted]:
        """Store for each item's sender, exempt from quota, what became of it at ``receiver``: ``ack`` or ``expired``.

        All in one round trip; when this returns they are on the disk. What was told before is not told again.
        """
        commands = [command for item in items for command in self._store(
            item.sender, ref(kind, receiver, item.id), receiver, item.id, kind, "", now, expires_at, 0, 0, False)]
        return [_posted(item.id, kind, "", stored, 0, False)
                for item, stored in zip(items, self._low.all(commands)[1::2], strict=True)]

    def _store(self, receiver: Client, ref: str, sender: Client, id: str, kind: str, body: str, now: int,
               expires_at: int, max_count: int, max_bytes: int, quota: bool) -> tuple[tuple, tuple]:
        """The commands that store one item: its deadline first."""
        header = msgspec.json.encode(Header(kind, sender.uri, sender.account, id, now, expires_at))
        text = body.encode()
        return (
            self._due.entry(bucket(receiver), str(receiver), rounded(expires_at, expires_at - now)),
            self._low.evalsha(
                "post", (schema.mail(receiver), schema.tombs(receiver), schema.ledger(receiver),
                         schema.devices(receiver), schema.statistics(receiver), schema.box(receiver, PRIMARY),
                         schema.firsts(receiver)),
                (ref, header + b"\n" + text, now, expires_at, max_count, max_bytes, "message" if quota else kind,
                 schema.box(receiver, ""), _digest(kind, text, quota))))

    def fetch(self, client: Client, device: str, after: int, limit: int, now: int) -> tuple[list[Stored], bool]:
        """The items of ``device`` behind seq ``after`` in order, at most ``limit`` and about FETCH_BYTES; whether
        there are more. They stay until dropped. Notes ``now`` as the client's last look (to the second)."""
        answer = self._low.script(
            "fetch", (schema.mail(client), schema.box(client, device), schema.ledger(client),
                      schema.statistics(client)), (after, limit, FETCH_BYTES, now))
        return _stored(answer[2:], int(answer[1])), bool(answer[0])

    def peek(self, client: Client, device: str, refs: Iterable[str]) -> list[Stored]:
        """Which of ``refs`` the device still holds, without bodies."""
        return _stored(self._low.script("peek", (schema.mail(client), schema.box(client, device)), refs))

    def drop(self, client: Client, device: str, refs: Iterable[str]) -> int:
        """Take items out of the device's box (the last box to let go deletes them); returns how many were there."""
        return self._drop(client, device, 0, refs)

    def waiting(self, client: Client, device: str) -> int:
        """How many items the device has not acknowledged."""
        return self._low.call("ZCARD", schema.box(client, device))

    def depth(self, client: Client) -> tuple[int, int]:
        """Messages held, and their bytes: what the quota counts."""
        count, size = self._low.call("HMGET", schema.ledger(client), "count", "bytes")
        return int(count or 0), int(size or 0)

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
                self._low.call(*self._due.entry(where, name, now + 1))   # not the entry that now goes

    def expired(self, client: Client, now: int, limit: int) -> list[Stored]:
        """Items whose time is over, without bodies. They stay until ``expire``, so that they can be reported first."""
        return _stored(self._low.script(
            "overdue", (schema.mail(client), schema.tombs(client), schema.firsts(client)), (now, limit)))

    def expire(self, client: Client, refs: Iterable[str], now: int) -> int:
        """Delete reported items whose time is over, with their tombs; returns how many were there."""
        return self._drop(client, "", now, refs)

    def _drop(self, client: Client, device: str, now: int, refs: Iterable[str]) -> int:
        return self._low.script(
            "drop", (schema.mail(client), schema.ledger(client), schema.devices(client), schema.tombs(client),
                     schema.firsts(client)),
            (schema.box(client, ""), MESSAGE, device, now, *refs))

    # --- statistics -------------------------------------------------------------------------------------------------

    def posted(self, sender: Client) -> None:
        """Count a message that ``sender`` posted. A hint: never waits, never raises."""
        self._low.tell("HINCRBY", schema.statistics(sender), "post", 1)

    def messages(self) -> Iterator[tuple[Client, Counts]]:
        """Every client that ever posted, got an ack or fetched, with its counts; in the order of the clients."""
        for key, counts in self._low.each_client(schema.statistics(Client("*", "*")),
                                                 lambda key: ("HMGET", key, "post", "deliv", "read")):
            if any(counts):     # else it went meanwhile
                yield schema.client_of(key), Counts(*(int(count or 0) for count in counts))


def _posted(id: str, kind: str, body: str, stored: Sequence, backlog: int, quota: bool) -> Posted:
    """What the script ``post`` answered. Raises QuotaExceeded, Conflict."""
    known, first, waiting = stored
    if known < 0:
        raise QuotaExceeded("the mailbox of the receiver is full")
    time, digest = first.decode().split()
    if digest != _digest(kind, body.encode(), quota):
        raise Conflict(f"id {id} was used for another message")
    return Posted(known == 1, int(time), waiting, backlog)


def _digest(kind: str, text: bytes, quota: bool) -> str:
    """12 characters by which a retry is told from another message under the same id; all reports are alike."""
    what = kind.encode() if quota else b"report"
    return base64.b64encode(hashlib.sha256(what + b" " + text).digest()[:9]).decode()


def bucket(client: Client) -> int:
    """The bucket of a client's slot."""
    return slots.bucket(slots.slot(client.uri))


def _stored(flat: Sequence[bytes], shown: int = 0) -> list[Stored]:
    """Items from the flat list of seq, ref, record that the scripts return."""
    items = []
    for place in range(0, len(flat), 3):
        seq, name, record = int(flat[place]), flat[place + 1].decode(), flat[place + 2]
        head, _, body = record.partition(b"\n")
        header = _decode_header(head)
        items.append(Stored(name, seq, header.kind, Client(header.uri, header.account), header.id, header.time,
                            header.expires, body.decode(), seq > shown))
    return items
