"""Acknowledgements: what a device has read leaves its box, and each message's sender is told, in one step.

For senders whose mailbox is at this host. An acknowledgement is a command, so that it can travel alone or with a post.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..names import Client
from . import items, schema
from .commands import Commands
from .due import DueList
from .items import MESSAGE, Draft, Receipt


class Told(NamedTuple):
    """A report for the sender of a message, who is its receiver."""

    draft: Draft
    receipt: Receipt


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
        self._drafts: list[Draft] = []
        arguments: list[str | bytes | int] = []
        others: list[str] = []
        for ref in refs:
            sender, id = items.sender_of(ref)
            if sender is None:
                others.append(ref)
                continue
            draft = Draft(sender, client, id, "ack", expires_at)
            theirs, item = items.entry(due, draft, now)
            keys += theirs
            arguments += (ref, *item)
            self._drafts.append(draft)
        self.command = low.evalsha(
            "ack", keys, (now, schema.box(client, ""), MESSAGE, len(self._drafts), *arguments, *others)
        )

    def carried_out(self, answer: list[Any]) -> None:
        """Take what the command answered."""
        self.dropped, *reports = answer
        for draft, report in zip(self._drafts, reports, strict=True):
            if report:
                receipt = items.receipt(draft, report)
                if receipt.new:
                    self.told.append(Told(draft, receipt))
