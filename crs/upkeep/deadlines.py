"""What has a deadline in the store and what is done when its time comes: calls, conferences, messages, devices.

Each worker walks the buckets of slots that it owns. A step may be done twice, or by two workers. Never here: when a
walk begins (``upkeep``), and where a deadline is kept (``store``).
"""

from .. import log
from ..handlers import message, room, session
from ..names import client as parse_client
from ..service.worker import Worker

LOG = log.get("attach")
WALK = 100  # calls, conferences or mailboxes taken from one bucket in a walk


class Deadlines:
    """The deadlines that one worker looks after."""

    def __init__(self, worker: Worker):
        self.worker = worker

    @property
    def buckets(self) -> range:
        """The 64 groups of slots are split over the workers: these are this one's."""
        return self.worker.store.buckets(self.worker.index, self.worker.conf.attach_workers)

    def walk_deadlines(self) -> None:
        """Do all that is due. Raises Unavailable; what was not done is found again."""
        worker, now, buckets = self.worker, self.worker.clock(), self.buckets
        for identity in worker.store.calls.due(buckets, now, WALK):
            self.call(identity, now)
        for name in worker.store.conferences.due(buckets, now, WALK):
            room.check(worker, name, now)
        for client in worker.store.mailbox.due(buckets, now, WALK):
            self.mail(client, now)
        for client, device in worker.store.devices.due(buckets, now, WALK):
            self.device(client, device, now)

    def call(self, identity: str, now: int) -> None:
        """A ring time-out, or the regular look at a call in talk: it ends when both parties stay away, or when one was
        blacklisted and the worker that saw it died."""
        worker = self.worker
        calls = worker.store.calls
        call = calls.get(identity)
        if call is None or call.state not in session.LIVE:
            calls.forget_due(identity)
            return
        parties = [parse_client(party) for party in (call.caller, call.callee)]
        if call.state in session.RINGING:
            session.end(worker, call, "timeout", "crs", now, allowed=session.RINGING)
        elif worker.accounts.rules.blocked.intersection(parties):
            session.end(worker, call, "blacklisted", "crs", now)
        elif any(worker.store.directory.lookup(party) for party in parties):
            calls.postpone(identity, now + worker.TALK_CHECK, "")
        elif call.alone:
            session.end(worker, call, "lost", "crs", now)
        else:
            calls.postpone(identity, now + worker.TALK_CHECK, str(now))

    def mail(self, client, now: int) -> None:
        """Messages whose time is over: the sender is told first, then they go."""
        worker = self.worker
        expired = worker.store.mailbox.expired(client, now, WALK)
        message.report_expired(worker, client, [item for item in expired if item.kind in ("content", "system")], now)
        worker.store.mailbox.expire(client, [item.ref for item in expired], now)

    def device(self, client, device: str, now: int) -> None:
        """A secondary that was not seen for long is forgotten, with its copy of the mailbox and its push tokens."""
        store = self.worker.store
        if any(entry.device_id == device for entry in store.directory.lookup(client)):
            store.devices.seen(client, device, "secondary", now)
        elif store.devices.forget(client, device, now):
            store.objects.forget_push_tokens(client, device)
            LOG.info(f"a secondary device unseen for {self.worker.conf.device_expiry} days was forgotten")
