"""How devices learn of what concerns them: notifications, and what is new in their mailboxes.

A new item in a mailbox is told by a hint, or, to a device that asked for that, by the item itself. Whoever stored the
item publishes it, with the seq before it, to all workers that hold a device of the receiver. There it is handed on if
the connection was given all up to that seq; else a hint goes out, and the device fetches. So what was lost or overtaken
on the way is fetched, and the order stays.
"""

from collections.abc import Sequence
from typing import NamedTuple

import gevent
from gevent.event import Event

from ..names import Client
from ..store.directory import Directory
from ..store.items import MESSAGES, Draft, Receipt
from ..store.mailbox import Mailbox
from ..store.wakeups import Mail, Notify
from ..wire.vocabulary import Item, MessageWaiting, Result, encode, notification
from .connection import Connection
from .events import Events

MAX_CARRIED = 16_384  # characters of a body that is published; a longer one is fetched
COUNT_TOGETHER = 1.0  # seconds for which messages that were handed on are counted in one step, while nobody traces


class Handed(NamedTuple):
    """A message that was handed on to a device."""

    receiver: Client
    seq: int
    sender: Client
    id: str


class Delivery:
    """Reaches the devices of clients, on whatever worker, and those of this worker."""

    def __init__(self, directory: Directory, mailbox: Mailbox, events: Events):
        self._directory = directory
        self._mailbox = mailbox
        self._events = events
        self._given: list[Handed] = []  # not yet counted
        self._something_given = Event()

    def wake(
        self, client: Client, method: str, params: Result, devices: Sequence[str] | None = None, but: str = ""
    ) -> int:
        """Send a notification to the registered devices of a client (to some, to all but one); returns how many were
        reached. Raises Unavailable."""
        return self._directory.wake(client, Notify(notification(method, params)), devices, but)

    # --- at the worker that stored an item ----------------------------------------------------------------------------

    def announce(self, draft: Draft, receipt: Receipt) -> None:
        """Tell the devices of the receiver of an item that was posted. Nobody waits for it: where it is lost, with the
        connection to the store, the upkeep has all workers look again."""
        wakeup: Notify | Mail
        if not receipt.new or len(draft.body) > MAX_CARRIED:
            wakeup = Notify(notification("message.waiting", MessageWaiting(receipt.waiting)))
        else:
            kind, sender, seq = draft.kind, draft.sender, receipt.seq
            item = encode(Item(draft.ref, seq, kind, sender.uri, sender.account, draft.id, receipt.time, draft.body))
            wakeup = Mail(receipt.before, seq, receipt.waiting, kind, sender.uri, sender.account, draft.id, item)
        self._directory.hint(draft.receiver, wakeup)

    # --- at the worker that holds a device ----------------------------------------------------------------------------

    def deliver(self, connection: Connection, mail: Mail) -> None:
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
        if mail.kind in MESSAGES:
            self._given.append(Handed(connection.client, mail.seq, Client(mail.uri, mail.account), mail.id))
            self._something_given.set()

    def caught_up(self, connection: Connection, newest: int) -> None:
        """The device was given all up to the seq ``newest``."""
        connection.given = max(connection.given, newest)

    def count_delivered(self) -> None:
        """Wait for messages that were handed on here, and tell of those that no device was given before. For the
        upkeep, again and again; where the store does not answer, these are not told. Raises Unavailable."""
        self._something_given.wait()
        if not self._events.tracer.hears("message"):
            gevent.sleep(COUNT_TOGETHER)
        self._something_given.clear()
        given, self._given = self._given, []
        firsts = self._mailbox.shown([(message.receiver, message.seq) for message in given])
        for message, is_first in zip(given, firsts, strict=True):
            if is_first:
                self._events.message(message.sender, message.receiver, "delivered", message.id)
