"""Wake-ups: what the processes of a host publish for its workers through redis_high, as values and as bytes.

A message is three lines: the addressee (the id of a connection, or ``*`` for every worker); the kind with its fields, a
JSON array; and text that the worker pushes to the client as it stands, so that nobody on the way parses it. A
notification is nothing but text: its second line is empty. Every wake-up is a hint: whoever misses one finds the fact
in the store.
"""

from typing import TypeAlias

import msgspec

from . import schema

ALL = "*"  # the addressee of what concerns every worker


class Notify(msgspec.Struct, gc=False):
    """Push a notification to the client."""

    payload: bytes  # the notification's JSON


class Mail(msgspec.Struct, array_like=True, tag="mail", gc=False):
    """An item was stored in the client's mailbox: push it, or say that something waits."""

    before: int  # the seq that the mailbox gave last before it
    seq: int
    waiting: int  # items in the box of the primary device
    kind: str
    uri: str  # of the sender
    account: str
    id: str
    item: bytes = b""  # JSON; the third line


class Dismiss(msgspec.Struct, array_like=True, tag="dismiss", gc=False):
    """Unregister the device of the connection, unless it has registered again meanwhile."""

    since: int  # ms, when it registered
    reason: str


class Lost(msgspec.Struct, array_like=True, tag="lost", gc=False):
    """Wake-ups may have been lost: compare the clients with the store."""


class Look(msgspec.Struct, array_like=True, tag="look", gc=False):
    """Somebody began to listen to a trace: look which elements are heard."""


class RecordsChanged(msgspec.Struct, array_like=True, tag="records", gc=False):
    """The operator's records have changed: load them."""


ToConnection: TypeAlias = Notify | Mail | Dismiss
ToAll: TypeAlias = Lost | Look | RecordsChanged
Wakeup: TypeAlias = ToConnection | ToAll

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Mail | Dismiss | Lost | Look | RecordsChanged).decode


def encode(wakeup: Wakeup) -> bytes:
    """The message without its first line, to which ``wake.lua`` adds the connections."""
    if isinstance(wakeup, Mail):
        mail = wakeup
        head = ("mail", mail.before, mail.seq, mail.waiting, mail.kind, mail.uri, mail.account, mail.id)
        return _encode(head) + b"\n" + mail.item
    if isinstance(wakeup, Notify):
        return b"\n" + wakeup.payload
    return _encode(wakeup) + b"\n"


def decode(message: bytes) -> tuple[str, Wakeup]:
    """The addressee (a connection's id, or ALL) and the wake-up. Raises ValueError for anything else."""
    addressee, head, text = message.split(b"\n", 2)
    if not head:
        return addressee.decode(), Notify(text)
    try:
        wakeup = _decode(head)
    except msgspec.DecodeError as error:
        raise ValueError(f"an unknown wake-up ({error})") from None
    if isinstance(wakeup, Mail):
        wakeup.item = text
    return addressee.decode(), wakeup


def to_connection(host: str, worker: str, connection: str, wakeup: ToConnection) -> tuple[str, str, bytes]:
    """The command that publishes a wake-up for one connection of a worker."""
    return "PUBLISH", schema.wake(host, worker), connection.encode() + b"\n" + encode(wakeup)


def to_all(wakeup: ToAll) -> tuple[str, str, bytes]:
    """The command that publishes a wake-up for every worker."""
    return "PUBLISH", schema.ALL_WORKERS, ALL.encode() + b"\n" + encode(wakeup)
