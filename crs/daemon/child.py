"""A process of a host as its supervisor sees it: how it is started, when it is ready, when it is started again.

In which order processes start and end is decided in ``supervisor``. Time is an argument.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path

from crs.daemon import redis_server
from crs.daemon.processes import ProcessKind
from crs.home.paths import Home
from crs.modules.start import READY

SOURCE = Path(__file__).resolve().parents[2]  # where ``import crs`` finds this package
PING_EVERY = 0.05  # seconds, while a Redis server loads
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)


class BackOff:
    """How long a process that ended waits for its next start: not at all, then 0.25 s doubling to 10 s.

    After ``SOUND`` seconds of work it is started at once again: only what ends while it starts, or soon after, waits
    longer each time.
    """

    FIRST, MOST = 0.25, 10.0  # seconds
    SOUND = 2.0  # seconds of work after which an end counts as the first

    def __init__(self) -> None:
        self._ends = 0

    def after(self, worked: float) -> float:
        """Seconds to wait, for a process that was ready for ``worked`` seconds (0: never)."""
        if worked >= self.SOUND:
            self._ends = 0
        self._ends += 1
        return 0.0 if self._ends == 1 else min(self.MOST, self.FIRST * 2 ** min(self._ends - 2, 10))


class Child(ABC):
    """A process of the kind ``row``, over all its lives; ``index`` says which of several it is. ``name`` is for logs
    and ``notify.sh``; ``log`` is the file to look into when it does not work."""

    def __init__(self, row: ProcessKind, home: Home, index: int | None = None):
        self.row, self.index = row, index
        self.name, self.log = row.child(index), home.log / row.log
        self.ready = False
        self.start_at = 0.0  # when it may be started (again)
        self.started_at = 0.0
        self._ready_at = 0.0
        self._popen: subprocess.Popen[bytes] | None = None
        self._back_off = BackOff()

    @property
    def alive(self) -> bool:
        return self._popen is not None

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen else None

    @property
    def wakes(self) -> int | None:
        """A descriptor that becomes readable when the process may have become ready, if there is one."""
        return None

    def start(self, now: float, lifeline: int, lock: int) -> None:
        """Start the process; it inherits the lifeline and the lock of the host. Raises OSError."""
        self.started_at = now
        self._popen = self._spawn(lifeline, lock)

    def look_ready(self, now: float) -> bool:
        """Whether it became ready since the last call."""
        if self.ready or not self.alive or not self._has_begun(now):
            return False
        self.ready, self._ready_at = True, now
        return True

    def reap(self, now: float) -> str | None:
        """How the process ended, if it did since the last call; it may be started again at ``start_at``."""
        if self._popen is None or self._popen.poll() is None:
            return None
        code = self._popen.returncode
        self._popen = None
        self.failed(now)
        return f"killed by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"

    def failed(self, now: float) -> None:
        """Take note of an end (or a start that failed) and set the time of the next start."""
        worked = now - self._ready_at if self.ready else 0.0
        self.ready = False
        self.start_at = now + self._back_off.after(worked)

    def send(self, number: int) -> None:
        """Send a signal to the process, if it lives."""
        if self._popen is not None:
            self._popen.send_signal(number)

    @abstractmethod
    def _spawn(self, lifeline: int, lock: int) -> subprocess.Popen[bytes]:
        """Start the process. Raises OSError."""

    @abstractmethod
    def _has_begun(self, now: float) -> bool:
        """Whether the living process, not ready so far, is ready now."""


class Redis(Child):
    """A Redis server. It watches no lifeline: the kernel sends it SIGTERM when the supervisor is gone."""

    def __init__(self, row: ProcessKind, home: Home, binary: str, settings: Path):
        super().__init__(row, home)
        self._command, self._sock = [binary, str(settings)], home.redis_sock(row.name)
        self._next_ping = 0.0

    def _spawn(self, lifeline: int, lock: int) -> subprocess.Popen[bytes]:
        return _popen(self._command, (lock,), partial(_end_with, os.getpid()))

    def _has_begun(self, now: float) -> bool:
        if now < self._next_ping:
            return False
        self._next_ping = now + PING_EVERY
        return redis_server.answers(self._sock)


class Module(Child):
    """A module of the CRS. ``command`` starts it; options for what it inherits are added (see ``main``)."""

    def __init__(
        self,
        row: ProcessKind,
        home: Home,
        command: list[str],
        index: int | None = None,
        listener: socket.socket | None = None,
    ):
        super().__init__(row, home, index)
        self._command, self._listener = command, listener
        self._news: int | None = None  # our end of the pipe to which it writes when it is ready

    @property
    def wakes(self) -> int | None:
        return self._news

    def _spawn(self, lifeline: int, lock: int) -> subprocess.Popen[bytes]:
        self._news, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        inherited = {"--lifeline-fd": lifeline, "--ready-fd": theirs}
        if self._listener is not None:
            inherited["--listen-fd"] = self._listener.fileno()
        options = [word for option, fd in inherited.items() for word in (option, str(fd))]
        try:
            return _popen(self._command + options, (lock, *inherited.values()))
        finally:
            os.close(theirs)

    def failed(self, now: float) -> None:
        super().failed(now)
        self._close_news()

    def _has_begun(self, now: float) -> bool:
        if self._news is None:
            return False
        try:
            word = os.read(self._news, len(READY))
        except BlockingIOError:
            return False
        self._close_news()
        return word == READY

    def _close_news(self) -> None:
        if self._news is not None:
            os.close(self._news)
            self._news = None


def module_command(home: Home, module: str, index: int) -> list[str]:
    """The command line of one module process, without what it inherits."""
    return [
        sys.executable,
        "-P",
        "-m",
        "crs.daemon.main",
        "--module",
        module,
        "--index",
        str(index),
        "--home",
        str(home),
    ]


def _signal_name(number: int) -> str:
    """Its name; real-time signals have none."""
    return signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"


def _popen(
    command: list[str], inherited: tuple[int, ...], before: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(SOURCE), environment.get("PYTHONPATH"))))
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env=environment,
        pass_fds=inherited,
        start_new_session=True,
        preexec_fn=before,
    )


def _end_with(supervisor: int) -> None:
    """In the child, before exec: ask the kernel for a SIGTERM when the supervisor ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor:  # it ended before we asked
        os._exit(1)
