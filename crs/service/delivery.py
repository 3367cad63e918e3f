"""How a device learns of a new item in its mailbox: by a hint, or, where it asked for that, by the item itself.

Whoever stored the item publishes it with the seq before it to all workers that hold a device of the receiver. There it
is handed on if the connection was given all up to that seq; else a hint goes out, and the device fetches. So what was
lost or overtaken on the way is fetched, and the order stays. Never here: storing.
"""

import msgspec

from ..names import Client
from ..store.items import Posted
from ..wire.vocabulary import Item, MessageWaiting, encode, notification
from .connection import Connection

MAIL = b"!mail "  # what a payload begins with that carries an item
MAX_CARRIED = 16_384  # characters of a body that is published; a longer one is fetched


class _Carried(msgspec.Struct, array_like=True):
    """What the workers must know of an item that comes with it."""

    before: int
    seq: int
    waiting: int
    kind: str
    uri: str  # of the sender
    account: str
    id: str


_decode = msgspec.json.Decoder(_Carried).decode


def announce(
    worker, receiver: Client, ref: str, kind: str, sender: Client, id: str, posted: Posted, body: str = ""
) -> None:
    """Tell the devices of ``receiver`` of an item that was posted. Nobody waits for it: where it is lost (with the
    connection to the store) upkeep has all workers look again."""
    if not posted.new or len(body) > MAX_CARRIED:
        payload = notification("message.waiting", MessageWaiting(posted.waiting))
    else:
        carried = _Carried(posted.before, posted.seq, posted.waiting, kind, sender.uri, sender.account, id)
        item = Item(ref, posted.seq, kind, sender.uri, sender.account, id, posted.time, body)
        payload = MAIL + encode(carried) + b"\n" + encode(item)
    worker.store.directory.hint(receiver, payload)


def deliver(connection: Connection, payload: bytes) -> None:
    """Hand on what ``announce`` published for this connection."""
    head, _, item = payload[len(MAIL) :].partition(b"\n")
    carried = _decode(head)
    if not connection.deliver or carried.before != connection.given:
        if connection.given < carried.seq:
            connection.notify("message.waiting", MessageWaiting(carried.waiting))
        return
    connection.given = carried.seq
    connection.push(
        b'{"jsonrpc":"2.0","method":"message.arrived","params":{"messages":[%s],"waiting":%d}}'
        % (item, carried.waiting)
    )
    if carried.kind in ("content", "system"):
        connection.worker.trace(
            "message",
            carried.uri,
            connection.client.uri,
            "delivered",
            connection.client.account,
            carried.id,
            carried.account,
        )


def caught_up(connection: Connection, newest: int) -> None:
    """The device was given all up to the seq ``newest``."""
    connection.given = max(connection.given, newest)
