"""How a device learns of a new item in its mailbox: by a hint, or, where it asked for that, by the item itself.

Whoever stored the item publishes it with the seq before it to all workers that hold a device of the receiver. There it
is handed on if the connection was given all up to that seq; else a hint goes out, and the device fetches. So what was
lost or overtaken on the way is fetched, and the order stays. Never here: storing.
"""

from ..names import Client
from ..store.items import Posted
from ..store.wakeups import Mail, Notify
from ..wire.vocabulary import Item, MessageWaiting, encode, notification
from .connection import Connection

MAX_CARRIED = 16_384  # characters of a body that is published; a longer one is fetched


def announce(
    worker, receiver: Client, ref: str, kind: str, sender: Client, id: str, posted: Posted, body: str = ""
) -> None:
    """Tell the devices of ``receiver`` of an item that was posted. Nobody waits for it: where it is lost (with the
    connection to the store) upkeep has all workers look again."""
    if not posted.new or len(body) > MAX_CARRIED:
        wakeup: Notify | Mail = Notify(notification("message.waiting", MessageWaiting(posted.waiting)))
    else:
        item = encode(Item(ref, posted.seq, kind, sender.uri, sender.account, id, posted.time, body))
        wakeup = Mail(posted.before, posted.seq, posted.waiting, kind, sender.uri, sender.account, id, item)
    worker.store.directory.hint(receiver, wakeup)


def deliver(connection: Connection, mail: Mail) -> None:
    """Hand on what ``announce`` published for this connection."""
    if not connection.deliver or mail.before != connection.given:
        if connection.given < mail.seq:
            connection.notify("message.waiting", MessageWaiting(mail.waiting))
        return
    connection.given = mail.seq
    connection.push(
        b'{"jsonrpc":"2.0","method":"message.arrived","params":{"messages":[%s],"waiting":%d}}'
        % (mail.item, mail.waiting)
    )
    if mail.kind in ("content", "system"):
        connection.worker.trace(
            "message",
            mail.uri,
            connection.client.uri,
            "delivered",
            connection.client.account,
            mail.id,
            mail.account,
        )


def caught_up(connection: Connection, newest: int) -> None:
    """The device was given all up to the seq ``newest``."""
    connection.given = max(connection.given, newest)
