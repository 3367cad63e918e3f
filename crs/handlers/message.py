"""Messages: post, fetch, ack. At least once, in order per sender; nothing is acknowledged before it is stored.

What concerns two clients is two idempotent steps, the one that must not be lost first: a receiver's
acknowledgement is stored for the sender before the message is deleted.
"""

from msgspec import UNSET

from ..connection import Connection
from ..protocol import Ack, Acked, Fetch, Fetched, Item, MessageWaiting, Post, Posted
from ..store.mailbox import ref


def post(connection: Connection, params: Post, now: int) -> Posted:
    """message.post {id, to, body, account?, kind?, expires?} -> Posted, once it is stored.

    A retry with the same id is answered, not stored again, until the message would have expired.
    Fails: invalid-params, not-found, domain-not-connected, quota-exceeded, not-registered, try-again.
    """
    worker, sender = connection.worker, connection.client
    account = None if params.account is UNSET else params.account
    receiver = worker.resolve(sender, params.to, account)
    lifetime = worker.conf.message_expiry
    if params.expires is not UNSET:
        lifetime = min(lifetime, params.expires)
    posted = worker.store.mailbox.post(
        receiver, ref(params.kind, sender, params.id), sender, params.id, params.kind, params.body, now,
        now + lifetime * 1000, worker.conf.mailbox_count, worker.conf.mailbox_bytes)
    if posted.new:
        worker.store.mailbox.posted(sender)
        name = "system" if params.kind == "system" else "message"
        worker.count(sender, f"{name}-outgoing")
        worker.count(receiver, f"{name}-incoming")
        worker.trace("message", sender.uri, receiver.uri, "posted content", receiver.account, params.id,
                     sender.account)
    worker.wake(receiver, "message.waiting", MessageWaiting(posted.waiting))
    return Posted(params.id, receiver.account, posted.time)


def fetch(connection: Connection, params: Fetch, now: int) -> Fetched:
    """message.fetch {after?, limit?} -> Fetched. Items stay until acknowledged. Fails: not-registered, try-again."""
    worker, client = connection.worker, connection.client
    items, more = worker.store.mailbox.fetch(client, connection.box, params.after, params.limit, now)
    for item in items:
        if item.first and item.kind in ("content", "system"):
            worker.trace("message", item.sender.uri, client.uri, "delivered", client.account, item.id,
                         item.sender.account)
    return Fetched([Item(item.ref, item.seq, item.kind, item.sender.uri, item.sender.account, item.id, item.time,
                         item.body) for item in items], more)


def ack(connection: Connection, params: Ack, now: int) -> Acked:
    """message.ack {refs} -> Acked. The sender of each message finds an *ack* in its own mailbox.

    Unknown refs (acknowledged before) do no harm. Fails: not-registered, try-again.
    """
    worker, client = connection.worker, connection.client
    mailbox = worker.store.mailbox
    expires = now + worker.conf.message_expiry * 1000
    for item in mailbox.peek(client, connection.box, params.refs):
        if item.kind in ("content", "system"):
            report(worker, item.sender, client, "ack", item.id, now, expires)
    return Acked(mailbox.drop(client, connection.box, params.refs))


def report(worker, sender, receiver, kind: str, identity: str, now: int, expires: int) -> None:
    """Store what became of a message (``ack`` or ``expired``) for its sender, exempt from quota, and tell it."""
    posted = worker.store.mailbox.post(sender, ref(kind, receiver, identity), receiver, identity, kind, "", now,
                                       expires, 0, 0, quota=False)
    if posted.new and kind == "ack":
        worker.trace("message", receiver.uri, sender.uri, "posted ack", sender.account, identity,
                     receiver.account)
    worker.wake(sender, "message.waiting", MessageWaiting(posted.waiting))
