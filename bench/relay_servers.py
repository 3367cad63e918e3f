"""The forwarders that bench-relay compares, each on 127.0.0.1 with a private configuration, and their conversations.

Lives here: how each is started, set up and ended. Never here: load and figures. A conversation has a side A at
127.1.x.y and a side B at 127.2.x.y; ``connect`` returns the flows of all, as ``relay_load.c`` reads them, after one
packet went each way.
"""

import os
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from crs.relay import fast
from test.relay.running import RunningRelay, free_port, new_leg, request

from .common import SERVER_CORES, pinned
from .systems import Missing

HOST = "127.0.0.1"
PATIENCE = 5.0        # seconds to wait for any answer
PROBE = b"\x80\x60" + bytes(98)


class Forwarder:
    """One server. ``ports``: those of side A and side B."""

    name = ""
    breaks = False        # whether conversations that had too many packets once are to be made anew

    def __init__(self, ports: tuple[int, int], tools: Path):
        self.ports, self.tools = ports, tools      # tools: where the C programs are
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        raise NotImplementedError

    def about(self) -> dict[str, str]:
        raise NotImplementedError

    def connect(self, conversations: int) -> list[str]:
        raise NotImplementedError

    def refresh(self) -> None:
        """Called before each measurement."""

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def peer(self, side: int, number: int) -> socket.socket:
        """The socket of one party. Closed before load comes from its address."""
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)      # the load listens at all addresses of the port
        sock.bind((address(side, number), self.ports[side]))
        sock.settimeout(PATIENCE)
        return sock

    def spawn(self, *command: str) -> subprocess.Popen:
        return subprocess.Popen([*pinned(SERVER_CORES), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)


class Crs(Forwarder):
    """The relay of this project, with the loop that an installation here would have."""

    name = "crs"

    def start(self) -> None:
        self.relay = RunningRelay().start()
        os.sched_setaffinity(self.relay.process.pid, SERVER_CORES)

    def about(self) -> dict[str, str]:
        return {"forwards in": fast.LOOP}

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
        """Bind: it holds 30 seconds."""
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
        self.port = free_port(HOST)
        self.process = self.spawn(str(self.tools / "relay_bare"), HOST, str(self.port), HOST, str(self.ports[1]))
        self.process.stdout.readline()

    def about(self) -> dict[str, str]:
        return {"settings": "bench/relay_bare.c: recvmmsg and sendmmsg of 64, fixed destination"}

    def connect(self, conversations: int) -> list[str]:
        return [line(side, number, self.port) for number in range(conversations) for side in (0, 1)]


class Direct(Bare):
    """No server: from one side of the load to the other. What latency is counted from."""

    name = "direct"

    def start(self) -> None:
        pass

    def connect(self, conversations: int) -> list[str]:
        return [line(side, number, self.ports[1 - side], address(1 - side, number))
                for number in range(conversations) for side in (0, 1)]


class Coturn(Forwarder):
    """Side A is a TURN client with a channel (RFC 8656), side B its peer: one way through the server for a packet."""

    name = "coturn"
    settings = ("-n", "-m", "1", "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers",
                "--no-software-attribute", "--simple-log", "--log-file", "/dev/null", "--no-stdout-log")

    def start(self) -> None:
        program = shutil.which("turnserver")
        if program is None:
            raise Missing("coturn is not installed: apt-get install coturn")
        self.port, self.flows = free_port(HOST), []
        self.scratch = tempfile.TemporaryDirectory(prefix="bench-coturn-")
        self.process = self.spawn(program, *self.settings, "--listening-ip", HOST, "--relay-ip", HOST,
                                  "--listening-port", str(self.port), "--pidfile", f"{self.scratch.name}/pid",
                                  "--userdb", f"{self.scratch.name}/db")

    def about(self) -> dict[str, str]:
        return {"version": package("coturn"), "settings": " ".join(self.settings)}

    def connect(self, conversations: int) -> list[str]:
        for number in range(len(self.flows) // 2, conversations):      # those that are there stay
            with self.peer(0, number) as anna, self.peer(1, number) as ben:
                anna.connect((HOST, self.port))
                allocated = self._ask(anna, 0x0003, attribute(0x0019, b"\x11\0\0\0"))
                relayed = struct.unpack("!H", allocated[0x0016][2:4])[0] ^ 0x2112
                mapped = struct.pack("!HHI", 1, self.ports[1] ^ 0x2112,
                                     int.from_bytes(socket.inet_aton(address(1, number)), "big") ^ 0x2112A442)
                self._ask(anna, 0x0009, attribute(0x000C, b"\x40\0\0\0") + attribute(0x0012, mapped))
                probe(ben, (HOST, relayed), anna, prefix=b"\x40\0" + struct.pack("!H", len(PROBE)))
                anna.send(b"\x40\0" + struct.pack("!H", len(PROBE)) + PROBE)
                expect(ben, PROBE)
            self.flows += [line(0, number, self.port, channel=0x4000), line(1, number, relayed)]
        return self.flows[:2 * conversations]

    def _ask(self, sock: socket.socket, method: int, attributes: bytes) -> dict[int, bytes]:
        """One TURN request; the attributes of its success."""
        transaction = secrets.token_bytes(12)
        answer = ask(sock, struct.pack("!HHI", method, len(attributes), 0x2112A442) + transaction + attributes)
        if struct.unpack("!H", answer[:2])[0] != method | 0x0100:
            raise RuntimeError(f"coturn refused method {method}: {answer.hex()}")
        found, at = {}, 20
        while at < len(answer):
            kind, size = struct.unpack("!HH", answer[at:at + 4])
            found[kind] = answer[at + 4:at + 4 + size]
            at += 4 + size + -size % 4
        return found


class Rtpengine(Forwarder):
    """RTP between two parties, forwarded in user space, set up over its control protocol (ng).

    Version 10.5 waits for edges of a socket's readiness and at "UDP receive queue exceeded" leaves the rest: of a
    buffer that is full no edge comes any more, and the stream is silent for ever.
    """

    name = "rtpengine"
    breaks = True
    settings = ("--table=-1", "--num-threads=1", "--foreground", "--log-stderr", "--log-level=3", "--no-fallback",
                "--port-min=20000", "--port-max=40000", "--timeout=3600", "--silent-timeout=3600")

    def start(self) -> None:
        program = shutil.which("rtpengine")
        if program is None:
            raise Missing("rtpengine is not installed: apt-get install rtpengine-daemon")
        self.port, self.calls = free_port(HOST), []
        self.process = self.spawn(program, "--config-file=none", *self.settings, f"--interface={HOST}",
                                  f"--listen-ng={HOST}:{self.port}")

    def about(self) -> dict[str, str]:
        return {"version": package("rtpengine-daemon"), "settings": " ".join(self.settings)}

    def connect(self, conversations: int) -> list[str]:
        flows = []
        with socket.socket(type=socket.SOCK_DGRAM) as control:
            control.connect((HOST, self.port))
            while self.calls:
                self._command(control, {"command": "delete", "call-id": self.calls.pop(), "from-tag": "a"})
            for number in range(conversations):
                self.calls.append(secrets.token_hex(8))
                common = {"call-id": self.calls[-1], "from-tag": "a", "ICE": "remove", "rtcp-mux": ["accept"]}
                to_ben = self._command(control, {"command": "offer", "sdp": self._sdp(0, number), **common})
                to_anna = self._command(control, {"command": "answer", "to-tag": "b", "sdp": self._sdp(1, number),
                                                  **common})
                with self.peer(0, number) as anna, self.peer(1, number) as ben:
                    probe(anna, (HOST, to_anna), ben)
                    probe(ben, (HOST, to_ben), anna)
                flows += [line(0, number, to_anna), line(1, number, to_ben)]
        return flows

    def _sdp(self, side: int, number: int) -> str:
        ip = address(side, number)
        return (f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
                f"m=audio {self.ports[side]} RTP/AVP 96\r\na=rtpmap:96 L16/8000\r\na=rtcp-mux\r\n")

    def _command(self, control: socket.socket, command: dict) -> int:
        """One command; the port in the SDP of its answer."""
        cookie = secrets.token_hex(8).encode()
        answer = ask(control, cookie + b" " + bencode(command))
        if b"6:result2:ok" not in answer:
            raise RuntimeError(f"rtpengine refused: {answer.decode(errors='replace')}")
        _, there, media = answer.partition(b"m=audio ")
        return int(media.split()[0]) if there else 0


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


def ask(sock: socket.socket, request: bytes) -> bytes:
    """The answer to a request that may come too early or be lost. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        sock.settimeout(0.25)
        try:
            sock.send(request)
            answer = sock.recv(65_536)
        except OSError:      # it does not listen yet
            time.sleep(0.02)
            continue
        sock.settimeout(PATIENCE)
        return answer
    raise TimeoutError(f"no answer from {sock.getpeername()}")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def bencode(value) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return f"{len(value.encode())}:{value}".encode()


def rmem() -> str:
    """What bounds the receive buffer of who has no CAP_NET_ADMIN."""
    return f"net.core.rmem_max {Path('/proc/sys/net/core/rmem_max').read_text().strip()} bytes"


def package(name: str) -> str:
    """The version that Debian's package manager has."""
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True).stdout


ALL = (Crs, Bare, Coturn, Rtpengine)
