"""How a device learns of a new item in its mailbox: by a hint, or, where it asked for that, by the item itself.

Whoever stored the item publishes it with the seq before it to all workers that hold a device of the receiver. There it
is handed on if the connection was given all up to that seq; else a hint goes out, and the device fetches. So what was
lost or overtaken on the way is fetched, and the order stays. Never here: storing.
"""

from ..store.items import Draft, Receipt
from ..store.wakeups import Mail, Notify
from ..wire.vocabulary import Item, MessageWaiting, encode, notification
from .connection import Connection

MAX_CARRIED = 16_384  # characters of a body that is published; a longer one is fetched


def announce(worker, draft: Draft, receipt: Receipt) -> None:
    """Tell the devices of the receiver of an item that was posted. Nobody waits for it: where it is lost (with the
    connection to the store) upkeep has all workers look again."""
    if not receipt.new or len(draft.body) > MAX_CARRIED:
        wakeup: Notify | Mail = Notify(notification("message.waiting", MessageWaiting(receipt.waiting)))
    else:
        kind, sender, seq = draft.kind, draft.sender, receipt.seq
        item = encode(Item(draft.ref, seq, kind, sender.uri, sender.account, draft.id, receipt.time, draft.body))
        wakeup = Mail(receipt.before, seq, receipt.waiting, kind, sender.uri, sender.account, draft.id, item)
    worker.store.directory.hint(draft.receiver, wakeup)


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
