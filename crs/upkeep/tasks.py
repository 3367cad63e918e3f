"""What a worker does between requests: wake-ups, keep-alive, deadlines, the relay's heartbeat, fresh accounts.

Each task is one greenlet that survives a dead store or relay: it logs the change once and tries again. Facts are in
the store; all of this only hastens or repeats what a request or a restart would find there anyway.
"""

import functools
import os
import socket
import time

import gevent
from gevent.event import Event

from .. import log
from ..errors import Busy, CrsError
from ..handlers import register, room, session
from ..loop import garbage
from ..loop.stall import Watchdog
from ..service import delivery, media
from ..service.connection import Connection
from ..service.worker import Worker
from ..store import wakeups
from ..wire.vocabulary import MessageWaiting, Reconnect, UpdateOffered, notification
from .bookkeeping import TIDY, Bookkeeping
from .deadlines import Deadlines

LOG = log.get("attach")
TICK = 0.5  # seconds between two walks over the deadlines
RELAY_TICK = 0.1  # seconds between two looks whether the relay is the one we knew
HEARTBEAT = 15  # seconds between two polls of all live conversations
ACCOUNTS_TICK = 2  # seconds between two looks at the version of the operator records
ANNOUNCE = 5  # seconds between two entries in the process table
GARBAGE = 60  # seconds between two looks for garbage in cycles
WALK = 256  # connections looked at before the others get their turn
LEAVE_SHARE = 20  # an overloaded worker asks one in so many of its clients to move, each ANNOUNCE


class Upkeep:
    """The background tasks of one worker."""

    def __init__(self, worker: Worker):
        self.worker = worker
        self.deadlines = Deadlines(worker)
        self.books = Bookkeeping(worker, self.deadlines.buckets)
        self._refresh = Event()
        self._relay_instance = ""  # the start of the relay that has our conversations
        self._next_poll = 0.0  # time.monotonic()
        self._down: set[str] = set()
        self._connects = 1  # to redis_high, after which no hint was lost
        self._watchdog = Watchdog(time.monotonic)

    def begin(self) -> None:
        """Load the accounts once (waiting for the store), then start all tasks."""
        self._until_done("accounts", self.worker.refresh_accounts)
        self._until_done("directory", self._drop_predecessor)
        for task, pause in (
            (self.deadlines.walk_deadlines, TICK),
            (self._watch_relay, RELAY_TICK),
            (self._watch_hints, TICK),
            (self._collect_garbage, GARBAGE),
            (self._announce, ANNOUNCE),
            (self.books.tidy, TIDY),
            (self.books.open_metrics, TIDY),
        ):
            gevent.spawn(self._forever, task, pause)
        self._watchdog.begin()
        gevent.spawn(self._follow_accounts)
        gevent.spawn(self.worker.timers.run)
        gevent.spawn(self.worker.tracer.follow)
        subscriber = self.worker.store.subscriber(self.worker.name, self._reconcile_soon)
        gevent.spawn(self._listen, subscriber)
        subscriber.ready.wait(10)

    # --- running tasks ----------------------------------------------------------------------------------------------

    def _attempt(self, name: str, task) -> bool:
        """Run ``task`` once; the first failure in a row is logged, and so is the recovery."""
        try:
            task()
        except Exception as error:
            if name not in self._down:
                kind = "" if isinstance(error, CrsError) else f"{type(error).__name__}: "
                LOG.warn(f"{name}: {kind}{error}; trying again")
            self._down.add(name)
            return False
        if name in self._down:
            LOG.info(f"{name}: works again")
            self._down.discard(name)
        return True

    def _until_done(self, name: str, task) -> None:
        while not self._attempt(name, task):
            gevent.sleep(0.1)

    def _forever(self, task, pause: float) -> None:
        name = task.__name__.strip("_").replace("_", " ")
        while True:
            self._attempt(name, task)
            gevent.sleep(pause)

    def _collect_garbage(self) -> None:
        garbage.tidy(len(self.worker.connections))

    # --- wake-ups ---------------------------------------------------------------------------------------------------

    def _listen(self, subscriber) -> None:
        """Hear what other workers publish for this one, and do it or hand it to the connection it is for."""
        for _, message in subscriber:
            try:
                addressee, wakeup = wakeups.decode(message)
            except ValueError as error:
                LOG.warn(str(error))
                continue
            if addressee == wakeups.ALL:
                self._wake_up(wakeup)
            elif (connection := self.worker.connections.get(addressee)) is not None:
                self._hand_on(connection, wakeup)  # else it is gone: its client finds the fact when it registers again

    def _wake_up(self, wakeup: wakeups.Wakeup) -> None:
        if isinstance(wakeup, wakeups.Look):
            gevent.spawn(self.worker.tracer.look)
        elif isinstance(wakeup, wakeups.Lost):
            self._reconcile_soon()
        elif isinstance(wakeup, wakeups.RecordsChanged):
            self._refresh.set()

    def _hand_on(self, connection: Connection, wakeup: wakeups.Wakeup) -> None:
        if isinstance(wakeup, wakeups.Notify):
            connection.push(wakeup.payload)
        elif isinstance(wakeup, wakeups.Mail):
            delivery.deliver(connection, wakeup)
        elif isinstance(wakeup, wakeups.Dismiss):
            dismiss = functools.partial(register.dismissed, connection, wakeup.reason, wakeup.since)
            gevent.spawn(self._attempt, "dismiss", dismiss)

    def _watch_hints(self) -> None:
        """Hints are told without waiting: those that went down with a connection are made up for."""
        connects = self.worker.store.high.connects
        if connects > self._connects:
            self.worker.store.directory.look_again()
            self._connects = connects

    def _reconcile_soon(self) -> None:
        """After every (re)subscription: what was published meanwhile is lost, so look at the facts again."""
        gevent.spawn(self._until_done, "reconcile", self._reconcile)

    def _reconcile(self) -> None:
        """Make the directory and this worker's connections agree, and tell its clients what they may have missed."""
        worker = self.worker
        directory = worker.store.directory
        for client, device_id, identity in directory.entries_of(worker.name):
            connection = worker.connections.get(identity)
            if connection is None or connection.device_id != device_id:
                directory.unregister(client, device_id, identity)
        for connection in list(worker.connections.values()):
            if connection.state == "registered":
                self._tell_again(connection)

    def _tell_again(self, connection: Connection) -> None:
        worker, client = self.worker, connection.client
        known = {entry.connection for entry in worker.store.directory.lookup(client)}
        if connection.id not in known:
            if not worker.store.directory.renew(client, worker.entry(connection)):
                register.dismissed(connection, "replaced")
                return
        waiting = worker.store.mailbox.waiting(client, connection.box)
        if waiting:
            connection.notify("message.waiting", MessageWaiting(waiting))
        for state in session.states_of(connection):
            connection.notify("session.state", state)

    def _drop_predecessor(self) -> None:
        """Forget what a dead process of this worker's name left in the directory."""
        directory = self.worker.store.directory
        for client, device_id, identity in directory.entries_of(self.worker.name):
            if identity not in self.worker.connections:
                directory.unregister(client, device_id, identity)

    # --- accounts ---------------------------------------------------------------------------------------------------

    def refresh_soon(self) -> None:
        """Look at the operator records now (signal, or a hint from whoever changed them)."""
        self._refresh.set()

    def _follow_accounts(self) -> None:
        while True:
            self._attempt("accounts", self._refresh_accounts)
            self._refresh.wait(ACCOUNTS_TICK)
            self._refresh.clear()

    def _refresh_accounts(self) -> None:
        changed = self.worker.refresh_accounts()
        for number, connection in enumerate(list(self.worker.connections.values())):
            if number % WALK == WALK - 1:
                gevent.sleep(0.001)  # sleep(0) would let other greenlets run, but not the loop
            if connection.kind == "unknown" or connection.state == "closed":
                continue
            if not self.worker.admits(connection):
                self._expel(connection, self._why_expelled(connection))
            elif connection.state == "registered":
                self._apply_rules(connection, changed)
        if changed:
            self._announce()

    def _why_expelled(self, connection: Connection) -> str:
        if connection.admin is not None:
            return "admin-deleted"
        gone = connection.client.account not in self.worker.accounts.months
        return "account-deleted" if gone else "month-expired"

    def _apply_rules(self, connection: Connection, changed: bool) -> None:
        """What the operator decided meets a client that is registered."""
        rules, client = self.worker.accounts.rules, connection.client
        if client in rules.blocked:
            session.end_all(self.worker, client, "blacklisted", self.worker.clock())
            room.leave_all(self.worker, client, "removed", self.worker.clock())
            register.dismissed(connection, "blacklisted")
        elif changed and client.account in rules.notified:
            for month, confirmed in self.worker.updates_of(client):
                if not confirmed:
                    connection.notify("update.offered", UpdateOffered(month))

    def _expel(self, connection: Connection, reason: str) -> None:
        register.dismissed(connection, reason)
        if connection.transport is not None:
            gevent.spawn(connection.transport.close, 1008, reason)

    # --- keep-alive (manual 4.10) -----------------------------------------------------------------------------------

    def keep_alive(self, connection: Connection, link) -> None:
        """Watch a new connection as the first matching ``keep-alive`` rule says."""
        method, interval, grace = self.worker.conf.keep_alive_for(connection.ip, connection.client)
        if method == "tcp":
            seconds = max(1, interval // 1000)
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
            link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, seconds // 10))
        else:
            self.worker.timers.after(interval, self._check_alive, connection.id, interval, grace)

    def _check_alive(self, identity: str, interval: int, grace: int) -> None:
        transport = self._transport(identity)
        if transport is None:
            return
        silent = (time.monotonic() - transport.last_heard) * 1000
        if silent < interval:
            self.worker.timers.after(interval - silent, self._check_alive, identity, interval, grace)
            return
        transport.ping()
        self.worker.debug(f"{self.worker.name}: ping to connection {identity}, silent for {silent:.0f} ms")
        self.worker.timers.after(grace, self._check_answer, identity, interval, grace, transport.last_heard)

    def _check_answer(self, identity: str, interval: int, grace: int, heard: float) -> None:
        transport = self._transport(identity)
        if transport is None:
            return
        if transport.last_heard > heard:
            self._check_alive(identity, interval, grace)
        else:
            gevent.spawn(transport.close, 1001, "keep-alive: no answer to ping")

    def _transport(self, identity: str):
        connection = self.worker.connections.get(identity)
        return connection.transport if connection is not None else None

    # --- relay ------------------------------------------------------------------------------------------------------

    def _watch_relay(self) -> None:
        """Heartbeat; a relay that was started anew gets its live conversations back at once."""
        relay = self.worker.relay
        now, instance = time.monotonic(), relay.instance()
        if instance == self._relay_instance and now < self._next_poll:
            return
        again = {}  # conversation -> who has the relay hold it, and for what
        for call in self.worker.store.calls.live(self.deadlines.buckets):
            again.update({stream.conversation: (self._allocate, call) for stream in media.load(call.streams)})
        for conference in self.worker.store.conferences.live(self.deadlines.buckets):
            again[conference.session] = (room.allocate, conference)
        unknown = relay.poll(list(again))
        for task, held in {again[name][1].id: again[name] for name in unknown}.values():
            try:
                task(self.worker, held)
            except Busy as error:  # its parties may ask for new legs later; the others must have theirs now
                LOG.warn(f"relay: {held.id}: {error}")
        if unknown:
            LOG.info(f"relay: {len(unknown)} conversations added again")
        self._relay_instance, self._next_poll = instance, now + HEARTBEAT

    @staticmethod
    def _allocate(worker: Worker, call) -> None:
        worker.allocate(call, media.load(call.streams))

    # --- process table, balance -------------------------------------------------------------------------------------

    def _announce(self) -> None:
        worker = self.worker
        mine = len(worker.connections)
        worker.store.directory.announce(
            worker.name, os.getpid(), mine, worker.clock(), sorted(worker.accounts.months), self._watchdog.take()
        )
        others = [process.clients for process in worker.store.directory.processes(worker.clock())]
        mean = sum(others) / len(others) if others else mine
        if mine > 1.5 * mean + 50:
            text = notification("reconnect", Reconnect("balance", 30_000))
            leaving = worker.random.sample(sorted(worker.connections), max(1, mine // LEAVE_SHARE))
            for identity in leaving:
                connection = worker.connections[identity]
                if connection.state == "registered":
                    connection.push(text)
