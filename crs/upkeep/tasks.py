"""The background tasks of one worker, each a greenlet that survives a dead store or relay.

Facts are in the store: all of this only hastens or repeats what a request or a restart would find there anyway.
"""

import time

import gevent
from gevent.event import Event

from .. import log
from ..loop import garbage
from ..loop.attempts import Attempts
from ..loop.stall import StallWatch
from ..service.listening import Listening
from ..service.worker import Worker
from .announcing import ANNOUNCE, Announcing, Stalls
from .bookkeeping import TIDY, Bookkeeping
from .deadlines import Deadlines
from .decisions import Decisions
from .keepalive import KeepAlive
from .reconciling import Reconciling
from .relaywatch import RelayWatch

LOG = log.get("attach")
TICK = 0.5  # seconds between two walks over the deadlines
RELAY_TICK = 0.1  # seconds between two looks whether the relay is the one we knew
RECORDS_TICK = 2  # seconds between two looks at the version of the operator's records
GARBAGE = 60  # seconds between two looks for garbage in cycles
SUBSCRIBED = 10  # seconds to wait for the subscription before work begins without


class Upkeep:
    """Starts the tasks; what each does stands in its own file."""

    def __init__(self, worker: Worker):
        self.keep_alive = KeepAlive(worker)
        self._worker = worker
        self._attempts = Attempts(LOG)
        self._stall = StallWatch(time.monotonic)
        self._announcing = Announcing(worker, Stalls(self._stall.take))
        self._decisions = Decisions(worker)
        self._reconciling = Reconciling(worker)
        self._deadlines = Deadlines(worker)
        self._relay = RelayWatch(worker, self._deadlines.buckets)
        self._books = Bookkeeping(worker, self._deadlines.buckets)
        self._refresh = Event()

    def begin(self) -> None:
        """Load the accounts once (waiting for the store), then start all tasks."""
        worker, attempts = self._worker, self._attempts
        attempts.until_done("accounts", self._decisions.load)
        attempts.until_done("directory", self._reconciling.drop_predecessor)
        for name, task, pause in (
            ("walk deadlines", self._deadlines.walk, TICK),
            ("watch relay", self._relay.look, RELAY_TICK),
            ("watch hints", self._reconciling.watch_hints, TICK),
            ("collect garbage", self._collect_garbage, GARBAGE),
            ("announce", self._announcing.announce, ANNOUNCE),
            ("count delivered", worker.delivery.count_delivered, 0),
            ("tidy", self._books.tidy, TIDY),
            ("open metrics", self._books.open_metrics, TIDY),
            ("accounts", self._follow_records, 0),
        ):
            gevent.spawn(attempts.forever, name, task, pause)
        self._stall.begin()
        gevent.spawn(worker.timers.run)
        gevent.spawn(worker.events.tracer.follow)
        subscriber = worker.store.subscriber(worker.name, self._reconcile_soon)
        listening = Listening(worker, attempts, self._reconcile_soon, self.refresh_soon)
        gevent.spawn(listening.run, subscriber)
        subscriber.ready.wait(SUBSCRIBED)

    def refresh_soon(self) -> None:
        """Look at the operator's records now (signal, or a hint from whoever changed them)."""
        self._refresh.set()

    def _reconcile_soon(self) -> None:
        """After every (re)subscription: what was published meanwhile is lost, so look at the facts again."""
        gevent.spawn(self._attempts.until_done, "reconcile", self._reconciling.reconcile)

    def _follow_records(self) -> None:
        self._refresh.wait(RECORDS_TICK)
        self._refresh.clear()
        if self._decisions.apply():
            self._announcing.announce()

    def _collect_garbage(self) -> None:
        garbage.tidy(len(self._worker.connections))
