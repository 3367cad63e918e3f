"""The items of a mailbox: their values, how the scripts take them, and what the scripts answer.

Nothing here talks to Redis; ``mailbox`` does.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from .. import slots
from ..errors import Conflict, QuotaExceeded
from ..names import Client
from . import schema
from .due import DueList, rounded

Kind = Literal["content", "system", "ack", "expired"]

PRIMARY = "primary"  # the box of the primary device, whatever its id: a replaced phone finds the mail
MESSAGE = "message:"  # what the ref of a message begins with
MESSAGES = frozenset(("content", "system"))  # kinds of items; the others are reports
REPORT = "report:"  # what the ref of an ack or an expired begins with: of the two only one is ever told


class Header(msgspec.Struct, array_like=True):
    """What is stored with an item besides its body."""

    kind: Kind
    uri: str  # of the sender, or of the receiver whose ack this is
    account: str
    id: str  # of the message, chosen by its sender
    time: int  # ms, when it was stored first
    expires: int  # ms


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An item that is to be stored."""

    receiver: Client
    sender: Client  # of a report: the receiver of the message that it is about
    id: str  # of the message
    kind: Kind
    expires_at: int  # ms
    body: str = ""

    @property
    def ref(self) -> str:
        return ref(self.kind, self.sender, self.id)

    @property
    def is_message(self) -> bool:
        """Else it is a report, which no quota refuses."""
        return self.kind in MESSAGES


class Quota(msgspec.Struct, frozen=True, gc=False):
    """How much a mailbox holds of messages."""

    count: int
    bytes: int


class MailItem(NamedTuple):
    """One item of a mailbox."""

    ref: str
    seq: int
    kind: Kind
    sender: Client
    id: str
    time: int
    expires: int
    body: str = ""
    first: bool = False  # no device was given it, or an item behind it, before


class Receipt(NamedTuple):
    """What became of a draft."""

    new: bool  # False: it was known already, and nothing was stored
    time: int  # ms, when it was stored first
    waiting: int  # items in the box of the receiver's primary device
    seq: int  # of the item, 0 where it was known
    before: int  # the seq that this mailbox gave last before it
    backlog: int = 0  # items in the box of the sender's primary device


Keys = tuple[str, ...]
Arguments = tuple[str | bytes | int, ...]

NOTHING = Quota(0, 0)
_decode_header = msgspec.json.Decoder(Header).decode


def ref(kind: str, sender: Client, id: str) -> str:
    """The name of an item in a mailbox. Two posts with the same ref are the same item, also as content and system."""
    return f"{MESSAGE if kind in MESSAGES else REPORT}{sender}:{id}"


def entry(due: DueList, draft: Draft, now: int, quota: Quota = NOTHING) -> tuple[Keys, Arguments]:
    """The keys and the item that ``store`` of ``_store.lua`` takes. ``quota`` is that of a message."""
    receiver, sender = draft.receiver, draft.sender
    header = msgspec.json.encode(Header(draft.kind, sender.uri, sender.account, draft.id, now, draft.expires_at))
    at = rounded(draft.expires_at, draft.expires_at - now)
    _, queue, look, member = due.entry(bucket(receiver), str(receiver), at)
    return (
        (
            schema.mail(receiver),
            schema.tombs(receiver),
            schema.ledger(receiver),
            schema.devices(receiver),
            schema.statistics(receiver),
            schema.box(receiver, PRIMARY),
            schema.firsts(receiver),
            queue,
        ),
        (
            draft.ref,
            header + b"\n" + draft.body.encode(),
            draft.expires_at,
            quota.count,
            quota.bytes,
            "message" if draft.is_message else draft.kind,
            schema.box(receiver, ""),
            digest(draft),
            look,
            member,
        ),
    )


def receipt(draft: Draft, answer: Sequence[Any], backlog: int = 0) -> Receipt:
    """What ``store`` of ``_store.lua`` answered. Raises QuotaExceeded, Conflict."""
    known, first, waiting, seq, before = answer
    if known < 0:
        raise QuotaExceeded("the mailbox of the receiver is full")
    time, held = first.decode().split()
    if not known and held != digest(draft):
        raise Conflict(f"id {draft.id} was used for another message")
    return Receipt(known == 1, int(time), waiting, int(seq or 0), int(before or 0), backlog)


def sender_of(ref: str) -> tuple[Client | None, str]:
    """The sender and the id in the ref of a message; None for any other ref. Whether there is such a message, the
    mailbox tells."""
    if not ref.startswith(MESSAGE):
        return None, ""
    uri, _, rest = ref[len(MESSAGE) :].partition("@")
    account, _, id = rest.partition(":")
    return Client(uri, account), id


def digest(draft: Draft) -> str:
    """12 characters by which a retry is told from another message under the same id; all reports are alike."""
    what = draft.kind if draft.is_message else "report"
    return base64.b64encode(hashlib.sha256(f"{what} {draft.body}".encode()).digest()[:9]).decode()


def bucket(client: Client) -> int:
    """The bucket of a client's slot."""
    return slots.bucket(slots.slot(client.uri))


def stored(flat: Sequence[bytes], shown: int = 0) -> list[MailItem]:
    """Items from the flat list of seq, ref, record that the scripts return."""
    items = []
    for place in range(0, len(flat), 3):
        seq, name, record = int(flat[place]), flat[place + 1].decode(), flat[place + 2]
        head, _, body = record.partition(b"\n")
        header = _decode_header(head)
        items.append(
            MailItem(
                name,
                seq,
                header.kind,
                Client(header.uri, header.account),
                header.id,
                header.time,
                header.expires,
                body.decode(),
                seq > shown,
            )
        )
    return items
