"""Reports: the sender of a message learns that it was acknowledged or expired, as an item in its own mailbox.

An acknowledgement is stored for the sender in the step that deletes the message. What expires is reported in two
idempotent steps, the report first, as it must not be lost.
"""

from collections.abc import Sequence

from ..names import Client
from ..store.acknowledgement import Acknowledgement
from ..store.items import MailItem
from ..store.mailbox import Mailbox
from .connection import Connection
from .delivery import Delivery
from .events import Events


class Reports:
    """``keep_ms``: for how long a report waits in a mailbox."""

    def __init__(self, mailbox: Mailbox, keep_ms: int, delivery: Delivery, events: Events):
        self._mailbox = mailbox
        self._keep_ms = keep_ms
        self._delivery = delivery
        self._events = events

    def acknowledgement(self, connection: Connection, refs: list[str], now: int) -> Acknowledgement:
        """Of items that this device has read; to be carried out alone or with a post, then to be ``told``."""
        return self._mailbox.acknowledgement(connection.client, connection.box, refs, now, now + self._keep_ms)

    def told(self, acknowledgement: Acknowledgement) -> None:
        """An acknowledgement was carried out: tell the senders of what was acknowledged."""
        for draft, receipt in acknowledgement.told:
            self._events.message(draft.sender, draft.receiver, "posted ack", draft.id)
            self._delivery.announce(draft, receipt)

    def expired(self, receiver: Client, items: Sequence[MailItem], now: int) -> None:
        """Store for the senders of ``items`` that these expired, and tell them."""
        for draft, receipt in self._mailbox.report(receiver, "expired", items, now, now + self._keep_ms):
            if receipt.new:
                self._events.figures.count("messages", "expired")
            self._delivery.announce(draft, receipt)
