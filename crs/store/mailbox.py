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
    seq: int               # of the item, 0 where it was known
    before: int            # the seq that this mailbox gave last before it
    backlog: int = 0       # items in the box of the sender's primary device


class Page(NamedTuple):
    """What a fetch found."""

    items: list[Stored]
    more: bool             # whether there are items behind these
    newest: int            # the seq that this mailbox gave last


class Told(NamedTuple):
    """An acknowledgement that was stored for the sender of a message."""

    sender: Client
    id: str                # of the message
    ref: str               # of the report
    posted: Posted


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
        keys, item = self._entry(receiver, ref, sender, id, kind, body, now, expires_at, max_count, max_bytes, quota)
        stored, backlog = self._low.all((self._low.evalsha("post", keys, (now, *item)),
                                         ("ZCARD", schema.box(sender, PRIMARY))))
        return _posted(id, kind, body, stored, quota)._replace(backlog=backlog)

    def report(self, receiver: Client, kind: str, items: Sequence[Stored], now: int, expires_at: int) -> list[Posted]:
        """Store for each item's sender, exempt from quota, what became of it at ``receiver``.

        All in one round trip; when this returns they are on the disk. What was told before is not told again.
        """
        commands = []
        for item in items:
            keys, entry = self._report(item.sender, receiver, item.id, kind, now, expires_at)
            commands.append(self._low.evalsha("post", keys, (now, *entry)))
        return [_posted(item.id, kind, "", stored, False)
                for item, stored in zip(items, self._low.all(commands), strict=True)]

    def acknowledge(self, client: Client, device: str, refs: Iterable[str], now: int,
                    expires_at: int) -> tuple[int, list[Told]]:
        """Take items out of the box of ``device`` (the last box to let go deletes them), and store for the sender of each
        message an ``ack``, exempt from quota: in one step, for senders whose mailbox is at this host. Returns how many
        items were there, and the reports that are new.

        Notes ``now`` as the client's last look (to the second).
        """
        keys = [schema.mail(client), schema.box(client, device), schema.ledger(client), schema.devices(client),
                schema.statistics(client)]
        arguments, others, senders = [], [], []
        for name in refs:
            sender, id = _sender_of(name)
            if sender is None:
                others.append(name)
                continue
            theirs, entry = self._report(sender, client, id, "ack", now, expires_at)
            keys += theirs
            arguments += (name, *entry)
            senders.append((sender, id, entry[0]))
        dropped, *stored = self._low.script("ack", keys, (now, schema.box(client, ""), MESSAGE, len(senders), *arguments,
                                                          *others))
        told = [Told(*one, _posted(one[1], "ack", "", answer, False))
                for one, answer in zip(senders, stored, strict=True) if answer]
        return dropped, [one for one in told if one.posted.new]

    def _report(self, to: Client, receiver: Client, id: str, kind: str, now: int, expires_at: int) -> tuple:
        """The keys and the item by which ``to`` learns what became of its message ``id`` at ``receiver``."""
        return self._entry(to, ref(kind, receiver, id), receiver, id, kind, "", now, expires_at, 0, 0, False)

    def _entry(self, receiver: Client, ref: str, sender: Client, id: str, kind: str, body: str, now: int,
               expires_at: int, max_count: int, max_bytes: int, quota: bool) -> tuple[tuple, tuple]:
        """The keys and the item that ``store`` of ``_store.lua`` takes."""
        header = msgspec.json.encode(Header(kind, sender.uri, sender.account, id, now, expires_at))
        text = body.encode()
        _, due, look, entry = self._due.entry(bucket(receiver), str(receiver), rounded(expires_at, expires_at - now))
        return ((schema.mail(receiver), schema.tombs(receiver), schema.ledger(receiver), schema.devices(receiver),
                 schema.statistics(receiver), schema.box(receiver, PRIMARY), schema.firsts(receiver), due),
                (ref, header + b"\n" + text, expires_at, max_count, max_bytes, "message" if quota else kind,
                 schema.box(receiver, ""), _digest(kind, text, quota), look, entry))

    def fetch(self, client: Client, device: str, after: int, limit: int, now: int) -> Page:
        """The items of ``device`` behind seq ``after`` in order, at most ``limit`` and about FETCH_BYTES. They stay
        until acknowledged. Notes ``now`` as the client's last look (to the second)."""
        answer = self._low.script(
            "fetch", (schema.mail(client), schema.box(client, device), schema.ledger(client),
                      schema.statistics(client)), (after, limit, FETCH_BYTES, now))
        more, shown, newest, *items = answer
        return Page(_stored(items, int(shown)), bool(more), int(newest))

    def waiting(self, client: Client, device: str) -> int:
        """How many items the device has not acknowledged."""
        return self._low.call("ZCARD", schema.box(client, device))

    def state(self, client: Client, device: str) -> tuple[int, int]:
        """How many items the device has not acknowledged, and the seq that this mailbox gave last."""
        newest, waiting = self._low.all((("HGET", schema.ledger(client), "seq"), ("ZCARD", schema.box(client, device))))
        return waiting, int(newest or 0)

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
        return self._low.script(
            "expire", (schema.mail(client), schema.ledger(client), schema.devices(client), schema.tombs(client),
                       schema.firsts(client)), (schema.box(client, ""), MESSAGE, now, *refs))

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


def _posted(id: str, kind: str, body: str, stored: Sequence, quota: bool) -> Posted:
    """What ``store`` of ``_store.lua`` answered. Raises QuotaExceeded, Conflict."""
    known, first, waiting, seq, before = stored
    if known < 0:
        raise QuotaExceeded("the mailbox of the receiver is full")
    time, digest = first.decode().split()
    if digest != _digest(kind, body.encode(), quota):
        raise Conflict(f"id {id} was used for another message")
    return Posted(known == 1, int(time), waiting, int(seq or 0), int(before or 0))


def _sender_of(ref: str) -> tuple[Client | None, str]:
    """The sender and the id in the ref of a message; None for any other ref. Whether there is such a message, the
    mailbox tells."""
    if not ref.startswith(MESSAGE):
        return None, ""
    uri, _, rest = ref[len(MESSAGE):].partition("@")
    account, _, id = rest.partition(":")
    return Client(uri, account), id


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
