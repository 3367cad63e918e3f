"""The relay process: a loop over the UDP port, the control socket and its connections, and signals.

A wake-up handles a bounded amount of each socket, so that none starves the others. Further loops, where there are any,
only drain their part of the port (``loop``). What happens to a packet is in ``forward`` and ``fast``, what a command
does in ``control``.
"""

import os
import secrets
import select
import signal
import socket
import struct
from pathlib import Path
from typing import Protocol

from crs import log, systemd
from crs.errors import OperatorFault
from crs.home.paths import Home
from crs.loop import garbage
from crs.loop.clock import wall_clock

from .. import names
from . import xdp
from .control import Commander, Control
from .fast import means, open_port
from .forward import Port
from .loop import FurtherLoop, now_ms

LOG = log.get("relay")
SWEEP = 1_000  # ms between two looks for what ran out
MAX_READ = 65_536  # bytes taken from a control connection in one go
MAX_UNSENT = 4 << 20  # bytes of answers that a commander may leave unread


class RelaySettings(Protocol):
    """What is read of crs.conf and crs-relay.conf (``crs.config``)."""

    ip: str
    listen_address: str
    hosts: dict[str, str]
    relay_port: int
    relay_expiry: int  # seconds
    relay_limits: dict[str, int | None]
    media_offload: str


class ProcessStart(Protocol):
    """What the supervisor gives a process (``crs.modules.start``)."""

    @property
    def home(self) -> Home: ...
    @property
    def conf(self) -> RelaySettings: ...
    @property
    def lifeline_fd(self) -> int | None: ...
    def ready(self) -> None: ...


class RelayServer:
    """The loop. ``stop_fds``: descriptors that mean "stop" when there is something to read, or their end."""

    def __init__(self, port: Port, control: Control, listener: socket.socket, stop_fds: list[int]) -> None:
        self.port, self.control, self.listener = port, control, listener
        self.table = port.table
        self._stop_fds = set(stop_fds)
        self._commanders: dict[int, tuple[socket.socket, Commander]] = {}
        self._accepted = 0
        self._epoll = select.epoll()
        self._further = [FurtherLoop(port, number) for number in range(1, port.loops)]
        self._stop_fds.update(loop.ended for loop in self._further)
        for fd in (listener.fileno(), *self._stop_fds):
            self._epoll.register(fd, select.EPOLLIN)
        self._watch(port.fds())

    def _watch(self, fds: list[tuple[int, int]]) -> None:
        epolls = [self._epoll, *(loop.epoll for loop in self._further)]
        for fd, loop in fds:
            epolls[loop].register(fd, select.EPOLLIN)

    def run(self) -> None:
        """Serve until a stop descriptor speaks. Raises what a further loop died of."""
        try:
            for loop in self._further:
                loop.start()
            self._run()
        finally:
            for loop in self._further:
                loop.end()

    def _run(self) -> None:
        swept = now_ms()
        watchdog = systemd.Watchdog()
        listening = self.listener.fileno()
        while True:
            ready = self._epoll.poll(SWEEP / 1000)
            now = now_ms()
            for fd, events in ready:
                if fd in self._commanders:
                    self._serve(fd, events, now)
                elif fd == listening:
                    self._accept()
                elif fd in self._stop_fds:
                    return
                else:
                    self._watch(self.port.drain(fd, now))
            if now - swept >= SWEEP:
                swept = now
                watchdog.beat(now / 1000)
                with self.port.lock:
                    ended = self.table.sweep(now)
                for name in ended:
                    LOG.info(f"Expired {name}: neither polled nor used")

    def _accept(self) -> None:
        try:
            sock, _ = self.listener.accept()
        except OSError as error:
            LOG.warn(f"control connection not accepted: {error.strerror}")
            return
        sock.setblocking(False)
        self._accepted += 1
        pid = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        self._commanders[sock.fileno()] = sock, Commander(self._accepted)
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        LOG.info(f"CONNECTION {self._accepted} from process {pid}")

    def _serve(self, fd: int, events: int, now: int) -> None:
        """Read commands and send answers. Who leaves answers unread is not read from, and closed in the end."""
        sock, commander = self._commanders[fd]
        try:
            if events & select.EPOLLIN and not commander.unsent:
                received = sock.recv(MAX_READ)
                with self.port.lock:
                    fine = received and commander.feed(received, self.control, now)
                if not fine:
                    return self._close(fd)
            elif events & (select.EPOLLHUP | select.EPOLLERR):
                return self._close(fd)
            if commander.unsent:
                commander.unsent = commander.unsent[sock.send(commander.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return self._close(fd)
        if len(commander.unsent) > MAX_UNSENT:
            return self._close(fd)
        self._epoll.modify(fd, select.EPOLLOUT if commander.unsent else select.EPOLLIN)

    def _close(self, fd: int) -> None:
        sock, commander = self._commanders.pop(fd)
        self._epoll.unregister(fd)
        sock.close()
        LOG.info(f"CLOSE {commander.number}, {commander.client}")

    def close(self) -> None:
        for fd in list(self._commanders):
            self._close(fd)
        self._epoll.close()
        self.listener.close()
        self.port.close()


def main(start: ProcessStart) -> int:
    """Run the relay of one host until SIGTERM, SIGINT, or the end of the supervisor; returns the exit code.

    Raises OperatorFault where a socket cannot be had.
    """
    conf = start.conf
    waker = _signals()
    relays = [(names.plain_ip(ip), conf.relay_port) for ip in conf.hosts.values()]
    offload = xdp.offload(conf.media_offload, conf.listen_address)
    port = open_port(
        conf.relay_limits,
        conf.relay_expiry * 1000,
        relays,
        conf.listen_address,
        conf.relay_port,
        [] if offload is None else [offload],
    )
    listener = listen(start.home.relay_sock)
    control = Control(port.table, secrets.token_hex(8), [(conf.ip, port.port)], wall_clock)
    server = RelayServer(port, control, listener, [fd for fd in (waker, start.lifeline_fd) if fd is not None])
    LOG.init(
        f"Start of the relay on {conf.listen_address} port {port.port}/udp, instance {control.instance}, "
        f"forwarding in {means(port.loops)}"
    )
    garbage.begin()
    start.ready()
    server.run()
    start.home.relay_sock.unlink(missing_ok=True)
    server.close()
    LOG.init("Stop of the relay")
    return 0


def listen(path: Path) -> socket.socket:
    """The control socket, for its owner alone. What a killed relay left there is replaced. Raises OperatorFault."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    mask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise OperatorFault(
            f"relay cannot open its control socket {path}: {error.strerror or error}; check the directory and its owner"
        ) from None
    finally:
        os.umask(mask)
    return listener


def _signals() -> int:
    """Turn SIGTERM and SIGINT into something to read on the descriptor returned; SIGHUP is nothing to a relay."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading
