"""Messages: post, fetch, ack. At least once, in order per sender; nothing is acknowledged before it is stored.

What concerns two clients is two idempotent steps, the one that must not be lost first: a receiver's
acknowledgement is stored for the sender before the message is deleted.
"""

from msgspec import UNSET, Raw

from ..connection import Connection
from ..errors import NotFound, QuotaExceeded
from ..protocol import Ack, Acked, Fetch, Fetched, Item, MessageWaiting, Post, Posted, encode
from ..store.mailbox import FETCH_BYTES, MESSAGE, PRIMARY, ref


def post(connection: Connection, params: Post, now: int) -> Posted:
    """message.post {id, to, body, account?, kind?, expires?} -> Posted, once it is stored.

    A retry with the same id is answered, not stored again, until the message would have expired.
    Fails: invalid-params, not-found, domain-not-connected, quota-exceeded, not-registered, try-again.
    """
    worker, sender = connection.worker, connection.client
    _check_backlog(connection)
    account = None if params.account is UNSET else params.account
    try:
        receiver = worker.resolve(sender, params.to, account)
    except NotFound:
        worker.trace("message", sender.uri, params.to, "not-found", account or sender.account, params.id)
        raise
    lifetime = worker.conf.message_expiry
    if params.expires is not UNSET:
        lifetime = min(lifetime, params.expires)
    posted = worker.store.mailbox.post(
        receiver, ref(params.kind, sender, params.id), sender, params.id, params.kind, params.body, now,
        now + lifetime * 1000, worker.conf.mailbox_count, worker.conf.mailbox_bytes)
    connection.backlog = posted.backlog
    if posted.new:
        worker.store.mailbox.posted(sender)
        name = "system" if params.kind == "system" else "message"
        worker.count(sender, f"{name}-outgoing")
        worker.count(receiver, f"{name}-incoming")
        worker.trace("message", sender.uri, receiver.uri, "posted content", receiver.account, params.id,
                     sender.account)
    worker.hint(receiver, "message.waiting", MessageWaiting(posted.waiting))
    return Posted(params.id, receiver.account, posted.time)


def _check_backlog(connection: Connection) -> None:
    """Every post brings a report to its sender's mailbox, which no quota refuses: who reads none may post no more."""
    limit = 2 * connection.worker.conf.mailbox_count
    if connection.backlog > limit:
        connection.backlog = connection.worker.store.mailbox.waiting(connection.client, PRIMARY)
        if connection.backlog > limit:
            raise QuotaExceeded("the own mailbox is full of reports; fetch and acknowledge them first")


def fetch(connection: Connection, params: Fetch, now: int) -> Fetched:
    """message.fetch {after?, limit?} -> Fetched. Items stay until acknowledged. Fails: not-registered, try-again."""
    worker, client = connection.worker, connection.client
    items, more = worker.store.mailbox.fetch(client, connection.box, params.after, params.limit, now)
    for item in items:
        if item.first and item.kind in ("content", "system"):
            worker.trace("message", item.sender.uri, client.uri, "delivered", client.account, item.id,
                         item.sender.account)
    shown, size = [], 0
    for item in items:
        body = Raw(encode(item.body))   # bounded as it goes over the wire: escapes may make six bytes of one
        size += len(body)
        if shown and size > FETCH_BYTES:
            return Fetched(shown, True)
        shown.append(Item(item.ref, item.seq, item.kind, item.sender.uri, item.sender.account, item.id, item.time, body))
    return Fetched(shown, more)


def ack(connection: Connection, params: Ack, now: int) -> Acked:
    """message.ack {refs} -> Acked. The sender of each message finds an *ack* in its own mailbox.

    Unknown refs (acknowledged before) do no harm. Fails: not-registered, try-again.
    """
    worker, client = connection.worker, connection.client
    mailbox = worker.store.mailbox
    messages = [ref for ref in params.refs if ref.startswith(MESSAGE)]
    if messages:
        report(worker, client, "ack", mailbox.peek(client, connection.box, messages), now)
    return Acked(mailbox.drop(client, connection.box, params.refs))


def report(worker, receiver, kind: str, items, now: int) -> None:
    """Store what became of messages (``ack`` or ``expired``) for their senders, and tell these."""
    expires = now + worker.conf.message_expiry * 1000
    for item, posted in zip(items, worker.store.mailbox.report(receiver, kind, items, now, expires), strict=True):
        if posted.new and kind == "ack":
            worker.trace("message", receiver.uri, item.sender.uri, "posted ack", item.sender.account, item.id,
                         receiver.account)
        elif posted.new:
            worker.figures.count("messages", kind)
        worker.hint(item.sender, "message.waiting", MessageWaiting(posted.waiting))
