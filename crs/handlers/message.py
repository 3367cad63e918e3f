"""Messages: post, fetch, ack. At least once, in order per sender; nothing is acknowledged before it is stored.

A receiver's acknowledgement is stored for the sender in the step that deletes the message; what expires is reported
in two idempotent steps, the one that must not be lost first.
"""

from msgspec import UNSET, Raw

from ..errors import NotFound, QuotaExceeded
from ..service import delivery
from ..service.connection import Connection
from ..store.acknowledgement import Acknowledgement, Told
from ..store.items import PRIMARY, Draft, Quota
from ..store.mailbox import FETCH_BYTES
from ..wire.vocabulary import Ack, Acked, Fetch, Fetched, Item, Post, Posted, encode


def post(connection: Connection, params: Post, now: int) -> Posted:
    """message.post {id, to, body, account?, kind?, expires?, ack?} -> Posted, once it is stored.

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
    draft = Draft(receiver, sender, params.id, params.kind, now + lifetime * 1000, params.body)
    quota = Quota(worker.conf.mailbox_count, worker.conf.mailbox_bytes)
    acknowledgement = _acknowledgement(connection, params.ack, now) if params.ack else None
    try:
        receipt = worker.store.mailbox.post(draft, now, quota, acknowledgement)
    finally:
        if acknowledgement is not None:
            _tell_senders(worker, acknowledgement)
    connection.backlog = receipt.backlog
    if receipt.new:
        worker.store.mailbox.posted(sender)
        column = "system" if params.kind == "system" else "message"
        worker.count(sender, f"{column}-outgoing")
        worker.count(receiver, f"{column}-incoming")
        worker.trace("message", sender.uri, receiver.uri, "posted content", receiver.account, params.id, sender.account)
    delivery.announce(worker, draft, receipt)
    return Posted(params.id, receiver.account, receipt.time)


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
    items, more, newest = worker.store.mailbox.fetch(client, connection.box, params.after, params.limit, now)
    for item in items:
        if item.first and item.kind in ("content", "system"):
            worker.trace(
                "message", item.sender.uri, client.uri, "delivered", client.account, item.id, item.sender.account
            )
    shown, size = [], 0
    for item in items:
        body = Raw(encode(item.body))  # bounded as it goes over the wire: escapes may make six bytes of one
        size += len(body)
        if shown and size > FETCH_BYTES:
            return Fetched(shown, True)
        shown.append(
            Item(item.ref, item.seq, item.kind, item.sender.uri, item.sender.account, item.id, item.time, body)
        )
    if not more:
        delivery.caught_up(connection, newest)
    return Fetched(shown, more)


def ack(connection: Connection, params: Ack, now: int) -> Acked:
    """message.ack {refs} -> Acked. The sender of each message finds an *ack* in its own mailbox.

    Unknown refs (acknowledged before) do no harm. Fails: not-registered, try-again.
    """
    worker = connection.worker
    acknowledgement = _acknowledgement(connection, params.refs, now)
    worker.store.mailbox.acknowledge(acknowledgement)
    _tell_senders(worker, acknowledgement)
    return Acked(acknowledgement.dropped)


def _acknowledgement(connection: Connection, refs: list[str], now: int) -> Acknowledgement:
    return connection.worker.store.mailbox.acknowledgement(
        connection.client, connection.box, refs, now, _report_expiry(connection.worker, now)
    )


def _tell_senders(worker, acknowledgement: Acknowledgement) -> None:
    for told in acknowledgement.told:
        _tell(worker, told)


def report_expired(worker, receiver, items, now: int) -> None:
    """Store for the senders of ``items`` that these expired, and tell them."""
    for told in worker.store.mailbox.report(receiver, "expired", items, now, _report_expiry(worker, now)):
        if told.receipt.new:
            worker.figures.count("messages", "expired")
        _tell(worker, told)


def _report_expiry(worker, now: int) -> int:
    return now + worker.conf.message_expiry * 1000


def _tell(worker, told: Told) -> None:
    """The sender of a message learns what became of it."""
    draft = told.draft
    if draft.kind == "ack":
        here, there = draft.sender, draft.receiver
        worker.trace("message", here.uri, there.uri, "posted ack", there.account, draft.id, here.account)
    delivery.announce(worker, draft, told.receipt)
