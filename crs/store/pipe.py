"""One connection to Redis, shared by all greenlets of a worker: what many ask at a time travels as one write.

A caller hands its packed bytes to the writer and waits; the reader gives the replies out in the order of the calls. One
write is under way at a time: what gathers until it is answered shares the next write, and so its commit to the disk.
No caller holds up another for long, and a reply cannot reach the wrong greenlet: a caller that gave up keeps its place
in the queue, and its reply is dropped; any fault of the protocol closes the socket and fails all who wait.
"""

import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import hiredis
from gevent import socket
from gevent.event import Event
from gevent.hub import Waiter

from .. import log
from ..errors import Unavailable
from ..loop import turns
from . import resp
from .commands import Commands, Part
from .resp import pack

LOG = log.get("store")

MAX_UNSENT = 256 * 1024**2  # bytes queued for a Redis that does not read; beyond, calls are refused
WATCH_TICK = 0.1  # seconds between two looks for calls that waited too long


class _Waiting:
    """The place of a caller in the queue of replies. The hub hands them over: a caller that has left does no harm."""

    __slots__ = ("count", "deadline", "failed", "replies", "waiter")

    def __init__(self, count: int, deadline: float):
        self.count = count
        self.deadline = deadline
        self.failed = False
        self.replies: list[Any] = []
        self.waiter: Waiter[list[Any]] = Waiter()

    def answer(self) -> None:
        if not self.failed:
            self.waiter.hub.loop.run_callback(self.waiter.switch, self.replies)

    def fail(self, text: str) -> None:
        if not self.failed:
            self.failed = True
            self.waiter.hub.loop.run_callback(self.waiter.throw, Unavailable(text))


class Pipe(Commands):
    """Connects by itself, and again after a fault, at most every ``retry_ms``; meanwhile calls fail at once.

    A call waits at most ``timeout_ms`` for its answer (and a little more: see WATCH_TICK).
    """

    def __init__(
        self, path: str | Path, name: str, scripts: Mapping[str, bytes], timeout_ms: int = 5000, retry_ms: int = 100
    ):
        super().__init__(path, name, scripts)
        self._timeout = timeout_ms / 1000
        self._retry = retry_ms / 1000
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._queued = Event()
        self._last: _Waiting | None = None  # the last call of the write under way
        self._answered = Event()  # there is none under way
        self._answered.set()
        self._waiting: deque[_Waiting] = deque()
        self._tried = Event()  # the first attempt to connect is over, however it ended
        self._up = False
        self._said_down = False
        self._life = gevent.spawn(self._live)

    def close(self) -> None:
        self._life.kill()

    def tell(self, *command: Part) -> None:
        """Here it never waits either."""
        if self._up and self._unsent_bytes <= MAX_UNSENT:
            self._queue(pack(command), 1)

    def _exchange(self, packed: bytes, count: int) -> list[Any]:
        if not self._up:
            self._tried.wait(self._timeout)
            if not self._up:
                raise Unavailable(f"{self.name} is not running")
        if self._unsent_bytes > MAX_UNSENT:
            raise Unavailable(f"{self.name} does not keep up")
        replies: list[Any] = self._queue(packed, count).waiter.get()
        turns.of(gevent.get_hub()).take()  # one read may have brought the answers of hundreds
        return replies

    def _queue(self, packed: bytes, count: int) -> _Waiting:
        """Bytes and place are taken in one step: nothing here may yield."""
        waiting = _Waiting(count, time.monotonic() + self._timeout)
        if not self._unsent:
            self._queued.set()
        self._waiting.append(waiting)
        self._unsent.append(packed)
        self._unsent_bytes += len(packed)
        return waiting

    # --- the connection ---------------------------------------------------------------------------------------------

    def _live(self) -> None:
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as sock:
                    self._greet(sock)
                    self._serve(sock)
            except resp.FAULTS as error:
                self._say_down(resp.reason(error))
            self._tried.set()
            gevent.sleep(self._retry)

    def _greet(self, sock: socket.socket) -> None:
        """Connect and load the scripts, all within the time of one call. Raises OSError, HiredisError."""
        with gevent.Timeout(self._timeout, TimeoutError("no answer")):
            sock.connect(self.path)
            sock.sendall(
                b"".join([pack(("SCRIPT", "LOAD", source)) for source in self._sources.values()] + [pack(("PING",))])
            )
            reader = hiredis.Reader()
            for _ in range(len(self._sources) + 1):
                if isinstance(reply := resp.reply(sock, reader), hiredis.ReplyError):
                    raise reply  # LOADING, most of all

    def _serve(self, sock: socket.socket) -> None:
        """Carry calls until the connection breaks; then fail all who wait. Always raises."""
        self._up = True
        self.connects += 1
        self._tried.set()
        if self._said_down:
            LOG.info(f"{self.name}: works again")
            self._said_down = False
        writer, watcher = gevent.spawn(self._write, sock), gevent.spawn(self._watch)
        try:
            self._read(sock)
        finally:
            self._up = False
            writer.kill(block=False)
            watcher.kill(block=False)
            self._fail_all()

    def _write(self, sock: socket.socket) -> None:
        """When the last write is answered, send what gathered meanwhile, as one write."""
        try:
            while True:
                self._queued.wait()
                self._answered.wait()
                self._queued.clear()
                if not self._unsent:
                    continue  # the connection broke, and this is about to be killed
                self._answered.clear()
                batch, self._unsent, self._unsent_bytes = self._unsent, [], 0
                self._last = self._waiting[-1]
                sock.sendall(batch[0] if len(batch) == 1 else b"".join(batch))
        except OSError:
            _hang_up(sock)  # the reader then sees the end, after the answers that still came

    def _read(self, sock: socket.socket) -> None:
        """Hand replies out in order. Raises OSError at the end, HiredisError when it is not the protocol."""
        reader = hiredis.Reader()
        waiting = self._waiting
        while True:
            chunk = resp.receive(sock)
            reader.feed(chunk)
            while (reply := reader.gets()) is not False:
                if not waiting:
                    raise hiredis.ProtocolError("an answer that nobody asked for")
                first = waiting[0]
                first.replies.append(reply)
                if len(first.replies) == first.count:
                    waiting.popleft()
                    first.answer()
                    if first is self._last:
                        self._answered.set()
            if len(chunk) == resp.CHUNK:
                gevent.sleep(0)  # a socket that is never empty would keep the loop from all others

    def _watch(self) -> None:
        """Fail the calls that waited too long; they keep their places, so the order of answers stays."""
        while True:
            gevent.sleep(WATCH_TICK)
            now = time.monotonic()
            for waiting in self._waiting:
                if waiting.deadline > now:
                    break
                waiting.fail(f"{self.name} did not answer in time")

    def _fail_all(self) -> None:
        lost, self._waiting = self._waiting, deque()
        self._unsent, self._unsent_bytes = [], 0
        self._queued.clear()
        self._answered.set()
        for waiting in lost:
            waiting.fail(f"the connection to {self.name} broke")

    def _say_down(self, reason: str) -> None:
        """Once for each time it is away, not for each attempt."""
        if not self._said_down:
            LOG.warn(f"{self.name}: {reason}; trying again")
            self._said_down = True


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
