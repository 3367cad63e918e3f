"""What has a deadline in the store and what is done when its time comes: calls, conferences, messages, devices.

Each worker walks the buckets of slots that it owns. A step may be done twice, or by two workers.
"""

from .. import log
from ..names import Client
from ..names import client as parse_client
from ..service.calls import RINGING, TALK_CHECK
from ..service.worker import Worker
from ..store.calls import LIVE
from ..store.items import MESSAGES

LOG = log.get("attach")
WALK = 100  # calls, conferences or mailboxes taken from one bucket in a walk


class Deadlines:
    """The deadlines that one worker looks after."""

    def __init__(self, worker: Worker):
        self._worker = worker
        self.buckets = worker.store.buckets(worker.index, worker.conf.attach_workers)  # those of the slots it owns

    def walk(self) -> None:
        """Do all that is due. Raises Unavailable; what was not done is found again."""
        worker, now, buckets = self._worker, self._worker.clock(), self.buckets
        for name in worker.calls.records.due(buckets, now, WALK):
            self.call(name, now)
        for room in worker.rooms.records.due(buckets, now, WALK):
            worker.rooms.check(room, now)
        for client in worker.mailbox.due(buckets, now, WALK):
            self.mail(client, now)
        for client, device in worker.store.devices.due(buckets, now, WALK):
            self.device(client, device, now)

    def call(self, name: str, now: int) -> None:
        """A ring time-out, or the regular look at a call in talk: it ends when both parties stay away, or when one was
        blacklisted and the worker that saw it died."""
        worker, records = self._worker, self._worker.calls.records
        call = records.get(name)
        if call is None or call.state not in LIVE:
            records.forget_due(name)
            return
        parties = [parse_client(party) for party in (call.caller, call.callee)]
        if call.state in RINGING:
            worker.calls.end(call, "timeout", "crs", now, allowed=RINGING)
        elif worker.accounts.rules.blocked.intersection(parties):
            worker.calls.end(call, "blacklisted", "crs", now)
        elif any(worker.directory.lookup(party) for party in parties):
            records.postpone(name, now + TALK_CHECK, "")
        elif call.alone:
            worker.calls.end(call, "lost", "crs", now)
        else:
            records.postpone(name, now + TALK_CHECK, str(now))

    def mail(self, client: Client, now: int) -> None:
        """Messages whose time is over: the sender is told first, then they go."""
        worker = self._worker
        expired = worker.mailbox.expired(client, now, WALK)
        worker.reports.expired(client, [item for item in expired if item.kind in MESSAGES], now)
        worker.mailbox.expire(client, [item.ref for item in expired], now)

    def device(self, client: Client, device: str, now: int) -> None:
        """A secondary that was not seen for long is forgotten, with its copy of the mailbox and its push tokens."""
        store = self._worker.store
        if any(entry.device_id == device for entry in store.directory.lookup(client)):
            store.devices.seen(client, device, "secondary", now)
        elif store.devices.forget(client, device, now):
            store.objects.forget_push_tokens(client, device)
            LOG.info(f"a secondary device unseen for {self._worker.conf.device_expiry} days was forgotten")
