"""A real relay process in a home of its own, and bare peers that send it datagrams."""

import itertools
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crs.relay.client import RelayClient
from crs.wire import stun

from .. import ports
from .loops import command

PATIENCE = 30  # seconds that a test waits for anything at most
ROOT = Path(__file__).parents[2]
MEDIA = b"\x80\x00" + bytes(170)

_numbers = itertools.count(1)


class RunningRelay:
    """One relay on ``listen`` (default ``ip``), port free; ``conf`` goes into crs.conf, ``limits`` into crs-relay.conf.

    ``loop``: see ``loops``; without it, what an installation on this machine would have. ``prefix``: what its command
    line begins with.
    """

    def __init__(
        self,
        ip: str = "127.0.0.1",
        listen: str | None = None,
        conf: str = "",
        limits: str = "",
        loop: str | None = None,
        prefix: tuple[str, ...] = (),
    ):
        self.loop, self.prefix = loop, prefix
        self.home = Path(tempfile.mkdtemp(prefix="crs-relay-"))  # short: a socket's path has 107 bytes
        self.ip, self.port = ip, free_port(listen or ip)
        self.conf = self.home / "run" / "conf"  # where a supervisor leaves it for its children
        self.conf.mkdir(0o700, parents=True)
        (self.home / "log").mkdir(0o700)
        (self.conf / "crs.conf").write_text(f"GLOBAL\nrelay-port {self.port}\n{conf}\nPOOL\nip crs1 {ip}\nhost crs1\n")
        (self.conf / "crs-local.conf").write_text(f"crsname crs1\nlisten-address {listen or ip}\n")
        (self.conf / "crs-relay.conf").write_text(limits)
        self.path = self.home / "run" / "relay.sock"
        self.process: subprocess.Popen | None = None
        self.commander = RelayClient(self.path, "test", timeout=PATIENCE)

    def spawn(self) -> subprocess.Popen:
        """Start the process; standard input is its lifeline, standard output is told when it serves."""
        self.process = subprocess.Popen(
            [
                *self.prefix,
                sys.executable,
                *command(self.loop),
                "--module",
                "relay",
                "--home",
                self.home,
                "--lifeline-fd",
                "0",
                "--ready-fd",
                "1",
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return self.process

    def start(self) -> "RunningRelay":
        """Start, or start again; returns when it serves."""
        process = self.spawn()
        readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
        if not readable or process.stdout.readline() != b"ready\n":
            self.kill()
            raise RuntimeError(f"the relay did not start: {process.stderr.read().decode()}")
        return self

    def stop(self) -> int:
        """End it with SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()
        return code

    def log(self) -> str:
        return (self.home / "log" / "crs_relay.log").read_text()

    def add(self, *legs: tuple[str, str], kind: str = "RTP", name: str | None = None) -> str:
        """Add a conversation of legs (ufrag, pwd); returns its name."""
        name = name or f"conversation-{next(_numbers)}"
        self.commander.add(name, kind, [{"ufrag": ufrag, "pwd": pwd} for ufrag, pwd in legs], ["test"])
        return name

    def __enter__(self) -> "RunningRelay":
        return self.start()

    def __exit__(self, *_) -> None:
        self.commander.close()
        if self.process.poll() is None:
            self.kill()
        self.process.stderr.close()
        shutil.rmtree(self.home)


class UdpPeer:
    """One UDP socket connected to the relay at ``host``, so that it hears only what leaves from that address."""

    def __init__(self, relay: RunningRelay, host: str | None = None, family: int | None = None):
        host = host or relay.ip
        self.sock = socket.socket(family or (socket.AF_INET6 if ":" in host else socket.AF_INET), socket.SOCK_DGRAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect((host, relay.port))

    def send(self, data: bytes) -> None:
        self.sock.send(data)

    def receive(self) -> bytes:
        """The next datagram; TimeoutError if none comes."""
        return self.sock.recv(65_536)

    def bind(self, leg: tuple[str, str], transaction: bytes | None = None, extra: bytes = b"") -> bytes:
        """Send a Binding and return the next datagram, which is to be the answer."""
        self.send(request(leg, transaction, extra))
        return self.receive()

    def silent(self, probe: tuple[str, str]) -> bool:
        """Whether nothing was answered: a Binding for ``probe`` is sent, and its answer is the first to come back.

        The relay takes the packets of a socket in order, so whatever it said before would come first.
        """
        transaction = secrets.token_bytes(12)
        return self.bind(probe, transaction)[8:20] == transaction

    def close(self) -> None:
        self.sock.close()


def new_leg() -> tuple[str, str]:
    return secrets.token_hex(10), secrets.token_hex(16)


def request(leg: tuple[str, str], transaction: bytes | None = None, extra: bytes = b"") -> bytes:
    return stun.binding_request(transaction or secrets.token_bytes(12), leg[0], leg[1].encode(), extra=extra)


def free_port(ip: str) -> int:
    return ports.free_port(socket.SOCK_DGRAM, ip)


def wait_until(condition) -> None:
    """Wait until ``condition()`` holds; AssertionError after PATIENCE."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


def ipv6_here() -> bool:
    """Whether this machine has an IPv6 loopback."""
    try:
        free_port("::1")
    except OSError:
        return False
    return True


def mode(path: Path) -> int:
    return os.stat(path).st_mode & 0o777
