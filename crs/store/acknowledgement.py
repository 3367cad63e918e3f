"""Acknowledgements: what a device has read leaves its box, and each message's sender is told, in one step.

For senders whose mailbox is at this host. Lives here: one acknowledgement, as a command and back, so that it can travel
alone or with a post. Never here: when.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..names import Client
from . import items, schema
from .commands import Commands
from .due import DueList
from .items import MESSAGE, Posted


class Told(NamedTuple):
    """An acknowledgement that was stored for the sender of a message."""

    sender: Client
    id: str  # of the message
    ref: str  # of the report
    posted: Posted


class Acknowledgement:
    """Of some items of one device. When it was carried out, ``dropped`` is how many were there, and ``told`` has the
    reports that are new."""

    def __init__(
        self, low: Commands, due: DueList, client: Client, device: str, refs: Iterable[str], now: int, expires_at: int
    ):
        self.dropped = 0
        self.told: list[Told] = []
        keys = [
            schema.mail(client),
            schema.box(client, device),
            schema.ledger(client),
            schema.devices(client),
            schema.statistics(client),
        ]
        arguments, others, self._messages = [], [], []
        for name in refs:
            sender, id = items.sender_of(name)
            if sender is None:
                others.append(name)
                continue
            theirs, entry = items.report(due, sender, client, id, "ack", now, expires_at)
            keys += theirs
            arguments += (name, *entry)
            self._messages.append((sender, id, entry[0]))
        self.command = low.evalsha(
            "ack", keys, (now, schema.box(client, ""), MESSAGE, len(self._messages), *arguments, *others)
        )

    def carried_out(self, answer: list) -> None:
        """Take what the command answered."""
        self.dropped, *reports = answer
        for (sender, id, ref), report in zip(self._messages, reports, strict=True):
            if report:
                posted = items.posted(id, "ack", "", report, False)
                if posted.new:
                    self.told.append(Told(sender, id, ref, posted))
