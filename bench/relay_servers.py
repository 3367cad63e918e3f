"""The forwarders of bench-relay, each on 127.0.0.1, and their conversations: the relay of the CRS, and two limits.

How each is started, set up and ended; coturn and rtpengine are in ``relay_peers``. A
conversation has a side A at 127.1.x.y and a side B at 127.2.x.y; ``connect`` returns the flows of all, as
``relay_load.c`` reads them, after one packet went each way.
"""

import re
import socket
import subprocess
import time
from pathlib import Path

from test.ports import free_port
from test.relay.running import RunningRelay, new_leg, request

from .common import SERVER_CORES, pinned

HOST = "127.0.0.1"
PATIENCE = 5.0  # seconds to wait for any answer
PROBE = b"\x80\x60" + bytes(98)


class Forwarder:
    """One server. ``ports``: those of side A and side B."""

    name = ""
    breaks = False  # whether an overload breaks its conversations for good
    holds = float("inf")  # seconds between calls of ``refresh``

    def __init__(self, ports: tuple[int, int], tools: Path):
        self.ports, self.tools = ports, tools  # tools: where the C programs are
        self.process: subprocess.Popen[bytes] | None = None
        self._refreshed = 0.0

    def start(self) -> None:
        raise NotImplementedError

    def about(self) -> dict[str, str]:
        raise NotImplementedError

    def connect(self, conversations: int) -> list[str]:
        raise NotImplementedError

    def refresh(self) -> None:
        """Renew what expires."""

    def ready(self) -> None:
        """Called before each load: refresh if that is due."""
        if time.monotonic() - self._refreshed > self.holds:
            self.refresh()
            self._refreshed = time.monotonic()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def peer(self, side: int, number: int) -> socket.socket:
        """The socket of one party. Closed before load comes from its address."""
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the load listens at all addresses of the port
        sock.bind((address(side, number), self.ports[side]))
        sock.settimeout(PATIENCE)
        return sock

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*pinned(SERVER_CORES), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


class CrsRelay(Forwarder):
    """The relay of this project, with the loop that an installation with one core would have."""

    name = "crs"
    holds = 15.0  # seconds: half the lifetime of a binding

    def start(self) -> None:
        self.relay = RunningRelay(prefix=pinned(SERVER_CORES)).start()  # pinned first: a loop for each core

    def about(self) -> dict[str, str]:
        found = re.search(r"forwarding in (.*)", self.relay.log())
        return {"forwards in": found[1] if found else "unknown"}

    def connect(self, conversations: int) -> list[str]:
        for row in self.relay.commander.list():
            self.relay.commander.remove(row["conversation"])
        self.legs = [(new_leg(), new_leg()) for _ in range(conversations)]
        for pair in self.legs:
            self.relay.add(*pair)
        self.refresh()
        for number in range(conversations):
            with self.peer(0, number) as anna, self.peer(1, number) as ben:
                probe(anna, (HOST, self.relay.port), ben)
                probe(ben, (HOST, self.relay.port), anna)
        return [line(side, number, self.relay.port) for number in range(conversations) for side in (0, 1)]

    def refresh(self) -> None:
        """Bind all legs."""
        for number, pair in enumerate(self.legs):
            for side, leg in enumerate(pair):
                with self.peer(side, number) as sock:
                    sock.sendto(request(leg), (HOST, self.relay.port))
                    sock.recv(2048)

    def stop(self) -> None:
        self.relay.__exit__()


class Bare(Forwarder):
    """Everything to one fixed destination: the limit."""

    name = "bare"

    def start(self) -> None:
        self.port = free_port(socket.SOCK_DGRAM, HOST)
        self.process = self.spawn(str(self.tools / "relay_bare"), HOST, str(self.port), HOST, str(self.ports[1]))
        assert self.process.stdout is not None  # see spawn
        self.process.stdout.readline()

    def about(self) -> dict[str, str]:
        return {"settings": "bench/relay_bare.c: recvmmsg and sendmmsg of 64, fixed destination"}

    def connect(self, conversations: int) -> list[str]:
        return [line(side, number, self.port) for number in range(conversations) for side in (0, 1)]


class NoServer(Bare):
    """No server: from one side of the load to the other; latencies are relative to it."""

    name = "direct"

    def start(self) -> None:
        pass

    def connect(self, conversations: int) -> list[str]:
        return [
            line(side, number, self.ports[1 - side], address(1 - side, number))
            for number in range(conversations)
            for side in (0, 1)
        ]


def address(side: int, number: int) -> str:
    return f"127.{side + 1}.{number >> 8}.{number & 255}"


def line(side: int, number: int, port: int, host: str = HOST, channel: int = 0) -> str:
    return f"{'AB'[side]} {address(side, number)} {host} {port} {channel}"


def probe(sender: socket.socket, to: tuple[str, int], receiver: socket.socket, prefix: bytes = b"") -> None:
    """One packet arrives."""
    sender.sendto(PROBE, to)
    expect(receiver, prefix + PROBE)


def expect(receiver: socket.socket, packet: bytes) -> None:
    received = receiver.recv(2048)
    if received != packet:
        raise RuntimeError(f"a forwarder changed a packet: {received.hex()}")


def rmem() -> str:
    """The limit of a receive buffer without CAP_NET_ADMIN."""
    return f"net.core.rmem_max {Path('/proc/sys/net/core/rmem_max').read_text().strip()} bytes"
