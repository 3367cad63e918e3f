"""The supervisor of a host: it starts the processes of the table ``processes``, and starts again what ends.

It never touches a client, a message or a key, and uses no gevent. One loop, one thread; signals are only enqueued by
their handler.
"""

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from crs import log
from crs.config.settings import Config
from crs.daemon.child import Child, Module, Redis, module_command
from crs.daemon.notifier import Notifier
from crs.daemon.processes import LEAVING, PROCESSES
from crs.errors import OperatorFault
from crs.home import running
from crs.home.paths import Home
from crs.home.running import Running
from crs.systemd import Watchdog, notify

LOG = log.get("crsd")
UNIT = "crs"  # what notify.sh calls the whole host
TICK = 0.5  # seconds between two turns of the loop when nothing wakes it
QUICK = 0.05  # the same while a process starts or the script runs
SLOW_START = 60.0  # seconds after which a module that is not ready is killed and started again

REREADING = tuple(row.name for row in PROCESSES if row.rereads)
HURRY = 3.0  # seconds for Redis to end after a second SIGTERM


def children(
    conf: Config, redis: str, settings: dict[str, Path], listeners: dict[str, list[socket.socket]], standalone: bool
) -> list[Child]:
    """Every process that the supervisor starts. ``redis`` is the server's program; ``settings`` and ``listeners`` have
    the file of each Redis server and the sockets of each module that listens, by the names of their rows."""
    found: list[Child] = []
    for row in PROCESSES:
        if row.standalone and not standalone:
            continue
        if not row.module:
            found.append(Redis(row, conf.home, redis, settings[row.name]))
            continue
        for number, index in enumerate(row.indexes(conf.number)):
            command = module_command(conf.home, row.module, number)
            listener = listeners[row.name][number] if row.port else None
            found.append(Module(row, conf.home, command, index, listener))
    return found


def _wake(number: int, frame: FrameType | None) -> None:
    """Nothing to do: the number is in the wake-up socket (``signal.set_wakeup_fd``)."""


class Supervisor:
    """Runs ``children`` until a SIGTERM or SIGINT. ``say`` shows progress to a person."""

    def __init__(self, home: Home, children: list[Child], lock: int, say: Callable[[str], None], done: str):
        self.home, self.children, self.say, self.done = home, children, say, done
        self.notifier = Notifier(home.notify)
        self._lock = lock
        self._watchdog = Watchdog()
        self._lifeline, self._held = os.pipe2(os.O_CLOEXEC)  # its other end is never written: it only closes
        self._signals, self._enqueue = socket.socketpair()
        self._told_ready = False
        self._stopping = False
        self._stop_by = 0.0  # when the processes that were told to end are killed
        self._leaving: list[tuple[tuple[str, ...], float]] = []  # the stages to come (see ``LEAVING``)
        self._listed: list[Running] | None = None

    def run(self) -> int:
        """Supervise until told to stop; returns the exit code."""
        self._catch_signals()
        LOG.init(f"started, {len(self.children)} processes")
        self.notifier.tell(UNIT, "start")
        while not self._stopping or any(child.alive for child in self.children):
            self._wait()
            self._step(time.monotonic())
        self.home.processes.unlink(missing_ok=True)
        self.notifier.tell(UNIT, "stopped")
        self.notifier.finish(2.0)
        LOG.init("stopped")
        self.say("stopped")
        return 0

    def _catch_signals(self) -> None:
        self._signals.setblocking(False)
        self._enqueue.setblocking(False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _wake)
        signal.set_wakeup_fd(self._enqueue.fileno(), warn_on_full_buffer=False)

    def _wait(self) -> None:
        """Sleep until a signal, news from a child, or the next turn."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for child in self.children:
            if child.wakes is not None:
                poll.register(child.wakes, select.POLLIN)
        unsettled = self.notifier.busy or not all(child.ready for child in self.children)
        poll.poll(1000 * (QUICK if unsettled else TICK))

    def _step(self, now: float) -> None:
        self._take_signals(now)
        self._reap(now)
        self._see_ready(now)
        if self._stopping:
            self._leave(now)
        else:
            self._start_due(now)
        self._list_processes()
        self.notifier.step(now)
        self._watchdog.beat(now)

    def _take_signals(self, now: float) -> None:
        try:
            numbers = self._signals.recv(4096)
        except BlockingIOError:
            return
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop(now)
            elif number == signal.SIGHUP:
                LOG.info("SIGHUP: accounts are read again")
                self._signal(REREADING, signal.SIGHUP)

    def _stop(self, now: float) -> None:
        if not self._stopping:
            LOG.init("stopping")
            self.say("stopping")
            notify("STOPPING=1")
            self.notifier.tell(UNIT, "stop")
            self._leaving = list(LEAVING)
            self._stopping, self._stop_by = True, now
        else:
            LOG.init("stopping at once")
            self._leaving = []
            self._stop_by = now + HURRY
            for child in self.children:
                child.send(signal.SIGTERM if isinstance(child, Redis) else signal.SIGKILL)

    def _leave(self, now: float) -> None:
        """Tell the processes of the next stage to end when those before have, and kill what does not end in time."""
        if now >= self._stop_by:
            for child in self.children:
                if child.alive and not self._awaits_its_turn(child):
                    LOG.warn(f"{child.name} does not end, it is killed")
                    child.send(signal.SIGKILL)
            self._stop_by = now + HURRY
        while self._leaving and not any(child.alive and not self._awaits_its_turn(child) for child in self.children):
            processes, seconds = self._leaving.pop(0)
            self._stop_by = now + seconds
            self._signal(processes, signal.SIGTERM)

    def _awaits_its_turn(self, child: Child) -> bool:
        return any(child.row.name in processes for processes, _ in self._leaving)

    def _signal(self, processes: tuple[str, ...], number: int) -> None:
        for child in self.children:
            if child.row.name in processes:
                child.send(number)

    def _reap(self, now: float) -> None:
        for child in self.children:
            pid, ended = child.pid, child.reap(now)
            if ended is None:
                continue
            self.notifier.tell(child.name, ended)
            if not self._stopping:
                pause = child.start_at - now
                when = f"in {pause:g} s" if pause else "at once"
                LOG.warn(f"{child.name}({pid}) {ended}; it is started again {when}")
                self.say(f"{child.name} {ended}, see {child.log}")
            else:
                LOG.info(f"{child.name}({pid}) {ended}")

    def _see_ready(self, now: float) -> None:
        for child in self.children:
            if child.look_ready(now):
                LOG.info(f"{child.name}({child.pid}) is ready")
                self.say(f"{child.name} ready")
                self.notifier.tell(child.name, "ready")
            elif isinstance(child, Module) and child.alive and not child.ready and now - child.started_at > SLOW_START:
                LOG.warn(f"{child.name}({child.pid}) is not ready after {SLOW_START:g} s, it is killed")
                child.send(signal.SIGKILL)
                child.started_at = now
        if not self._told_ready and all(child.ready for child in self.children):
            self._told_ready = True
            notify("READY=1")
            self.notifier.tell(UNIT, "ready")
            self.say(self.done)

    def _start_due(self, now: float) -> None:
        awaited = {child.row.name for child in self.children if not child.ready}
        for child in self.children:
            if child.alive or now < child.start_at or not awaited.isdisjoint(child.row.needs):
                continue
            again = "restart" if child.started_at else "start"
            try:
                child.start(now, self._lifeline, self._lock)
            except OSError as error:
                child.failed(now)
                LOG.warn(f"{child.name} cannot be started: {error.strerror}")
                continue
            LOG.info(f"{child.name}({child.pid}) {again}ed")
            self.notifier.tell(child.name, again)

    def _list_processes(self) -> None:
        """Keep ``run/processes.json`` true: what runs, under which process id."""
        alive = [Running(child.row.name, child.pid, child.index) for child in self.children if child.pid is not None]
        if alive != self._listed:
            self._listed = alive
            try:
                running.write(self.home, alive)
            except OperatorFault as fault:
                LOG.warn(str(fault))
