"""Messages: post, fetch, ack. At least once, in order per sender; nothing is acknowledged before it is stored."""

from msgspec import UNSET, Raw

from ..errors import NotFound, QuotaExceeded
from ..names import Client
from ..service.connection import Connection
from ..service.worker import Worker
from ..store.items import MESSAGES, PRIMARY, Draft, Quota
from ..store.mailbox import FETCH_BYTES
from ..wire.vocabulary import Ack, Acked, Fetch, Fetched, Item, Post, Posted, encode


def post(worker: Worker, connection: Connection, params: Post, now: int) -> Posted:
    """message.post {id, to, body, account?, kind?, expires?, ack?} -> Posted, once it is stored.

    A retry with the same id is answered, not stored again, until the message would have expired.
    Fails: invalid-params, not-found, domain-not-connected, quota-exceeded, not-registered, try-again.
    """
    sender = connection.client
    _check_backlog(worker, connection)
    receiver = _receiver(worker, sender, params)
    lifetime = worker.conf.message_expiry
    if params.expires is not UNSET:
        lifetime = min(lifetime, params.expires)
    draft = Draft(receiver, sender, params.id, params.kind, now + lifetime * 1000, params.body)
    quota = Quota(worker.conf.mailbox_count, worker.conf.mailbox_bytes)
    acknowledgement = worker.reports.acknowledgement(connection, params.ack, now) if params.ack else None
    try:
        receipt = worker.mailbox.post(draft, now, quota, acknowledgement)
    finally:
        if acknowledgement is not None:
            worker.reports.told(acknowledgement)
    connection.backlog = receipt.backlog
    if receipt.new:
        worker.mailbox.posted(sender)
        column = "system" if params.kind == "system" else "message"
        worker.events.count(sender, f"{column}-outgoing")
        worker.events.count(receiver, f"{column}-incoming")
        worker.events.message(sender, receiver, "posted content", params.id)
    worker.delivery.announce(draft, receipt)
    return Posted(params.id, receiver.account, receipt.time)


def _receiver(worker: Worker, sender: Client, params: Post) -> Client:
    account = None if params.account is UNSET else params.account
    try:
        return worker.resolve(sender, params.to, account)
    except NotFound:
        worker.events.trace("message", sender.uri, params.to, "not-found", account or sender.account, params.id)
        raise


def _check_backlog(worker: Worker, connection: Connection) -> None:
    """Every post brings a report to its sender's mailbox, which no quota refuses: who reads none may post no more."""
    limit = 2 * worker.conf.mailbox_count
    if connection.backlog > limit:
        connection.backlog = worker.mailbox.waiting(connection.client, PRIMARY)
        if connection.backlog > limit:
            raise QuotaExceeded("the own mailbox is full of reports; fetch and acknowledge them first")


def fetch(worker: Worker, connection: Connection, params: Fetch, now: int) -> Fetched:
    """message.fetch {after?, limit?} -> Fetched. Items stay until acknowledged. Fails: not-registered, try-again."""
    client = connection.client
    items, more, newest = worker.mailbox.fetch(client, connection.box, params.after, params.limit, now)
    for item in items:
        if item.first and item.kind in MESSAGES:
            worker.events.message(item.sender, client, "delivered", item.id)
    shown: list[Item] = []
    size = 0
    for item in items:
        body = Raw(encode(item.body))  # bounded as it goes over the wire: escapes may make six bytes of one
        size += len(body)
        if shown and size > FETCH_BYTES:
            return Fetched(shown, True)
        ref, seq, kind, sender, id, time, *_ = item
        shown.append(Item(ref, seq, kind, sender.uri, sender.account, id, time, body))  # type: ignore[arg-type]  # encoded already
    if not more:
        worker.delivery.caught_up(connection, newest)
    return Fetched(shown, more)


def ack(worker: Worker, connection: Connection, params: Ack, now: int) -> Acked:
    """message.ack {refs} -> Acked. The sender of each message finds an *ack* in its own mailbox.

    Unknown refs (acknowledged before) do no harm. Fails: not-registered, try-again.
    """
    acknowledgement = worker.reports.acknowledgement(connection, params.refs, now)
    worker.mailbox.acknowledge(acknowledgement)
    worker.reports.told(acknowledgement)
    return Acked(acknowledgement.dropped)
