"""coturn and rtpengine, as bench-relay compares them: a private configuration each, set up over their protocols."""

import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from typing import Any

from test.ports import free_port

from .relay_servers import HOST, PATIENCE, PROBE, Forwarder, address, expect, line, probe
from .systems import Missing


class Coturn(Forwarder):
    """Side A is a TURN client with a channel (RFC 8656), side B its peer: a packet crosses the server once."""

    name = "coturn"
    holds = 150.0  # seconds: half the lifetime of a permission
    settings = (
        "-n",
        "-m",
        "1",
        "--no-auth",
        "--no-tls",
        "--no-dtls",
        "--no-cli",
        "--allow-loopback-peers",
        "--no-software-attribute",
        "--simple-log",
        "--log-file",
        "/dev/null",
        "--no-stdout-log",
    )

    def start(self) -> None:
        program = shutil.which("turnserver")
        if program is None:
            raise Missing("coturn is not installed: apt-get install coturn")
        self.port = free_port(socket.SOCK_DGRAM, HOST)
        self.flows: list[str] = []
        self.scratch = tempfile.TemporaryDirectory(prefix="bench-coturn-")
        self.process = self.spawn(
            program,
            *self.settings,
            "--listening-ip",
            HOST,
            "--relay-ip",
            HOST,
            "--listening-port",
            str(self.port),
            "--pidfile",
            f"{self.scratch.name}/pid",
            "--userdb",
            f"{self.scratch.name}/db",
        )

    def about(self) -> dict[str, str]:
        return {"version": package("coturn"), "settings": " ".join(self.settings)}

    def connect(self, conversations: int) -> list[str]:
        for number in range(len(self.flows) // 2, conversations):  # the existing ones stay
            with self.peer(0, number) as anna, self.peer(1, number) as ben:
                anna.connect((HOST, self.port))
                allocated = self._ask(anna, 0x0003, attribute(0x0019, b"\x11\0\0\0"))
                relayed = struct.unpack("!H", allocated[0x0016][2:4])[0] ^ 0x2112
                self._bind_channel(anna, number)
                probe(ben, (HOST, relayed), anna, prefix=b"\x40\0" + struct.pack("!H", len(PROBE)))
                anna.send(b"\x40\0" + struct.pack("!H", len(PROBE)) + PROBE)
                expect(ben, PROBE)
            self.flows += [line(0, number, self.port, channel=0x4000), line(1, number, relayed)]
        return self.flows[: 2 * conversations]

    def refresh(self) -> None:
        """Bind the channels again, which renews their permissions."""
        for number in range(len(self.flows) // 2):
            with self.peer(0, number) as anna:
                anna.connect((HOST, self.port))
                self._bind_channel(anna, number)

    def _bind_channel(self, anna: socket.socket, number: int) -> None:
        mapped = struct.pack(
            "!HHI", 1, self.ports[1] ^ 0x2112, int.from_bytes(socket.inet_aton(address(1, number)), "big") ^ 0x2112A442
        )
        self._ask(anna, 0x0009, attribute(0x000C, b"\x40\0\0\0") + attribute(0x0012, mapped))

    def _ask(self, sock: socket.socket, method: int, attributes: bytes) -> dict[int, bytes]:
        """One TURN request; the attributes of its success."""
        transaction = secrets.token_bytes(12)
        answer = ask(sock, struct.pack("!HHI", method, len(attributes), 0x2112A442) + transaction + attributes)
        if struct.unpack("!H", answer[:2])[0] != method | 0x0100:
            raise RuntimeError(f"coturn refused method {method}: {answer.hex()}")
        found, at = {}, 20
        while at < len(answer):
            kind, size = struct.unpack("!HH", answer[at : at + 4])
            found[kind] = answer[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4
        return found


class Rtpengine(Forwarder):
    """RTP between two parties, forwarded in user space, set up over its control protocol (ng).

    Version 10.5 polls edge-triggered and stops reading at "UDP receive queue exceeded": a full buffer triggers no
    further edge, and the stream stays silent for good.
    """

    name = "rtpengine"
    breaks = True
    settings = (
        "--table=-1",
        "--num-threads=1",
        "--foreground",
        "--log-stderr",
        "--log-level=3",
        "--no-fallback",
        "--port-min=20000",
        "--port-max=40000",
        "--timeout=3600",
        "--silent-timeout=3600",
        "--delete-delay=0",
    )

    def start(self) -> None:
        program = shutil.which("rtpengine")
        if program is None:
            raise Missing("rtpengine is not installed: apt-get install rtpengine-daemon")
        self.port = free_port(socket.SOCK_DGRAM, HOST)
        self.calls: list[str] = []
        self.process = self.spawn(
            program, "--config-file=none", *self.settings, f"--interface={HOST}", f"--listen-ng={HOST}:{self.port}"
        )

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
                to_anna = self._command(
                    control, {"command": "answer", "to-tag": "b", "sdp": self._sdp(1, number), **common}
                )
                with self.peer(0, number) as anna, self.peer(1, number) as ben:
                    probe(anna, (HOST, to_anna), ben)
                    probe(ben, (HOST, to_ben), anna)
                flows += [line(0, number, to_anna), line(1, number, to_ben)]
        return flows

    def _sdp(self, side: int, number: int) -> str:
        ip = address(side, number)
        return (
            f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
            f"m=audio {self.ports[side]} RTP/AVP 96\r\na=rtpmap:96 L16/8000\r\na=rtcp-mux\r\n"
        )

    def _command(self, control: socket.socket, command: dict[str, Any]) -> int:
        """One command; the port in the SDP of its answer."""
        cookie = secrets.token_hex(8).encode()
        answer = ask(control, cookie + b" " + bencode(command))
        if b"6:result2:ok" not in answer:
            raise RuntimeError(f"rtpengine refused: {answer.decode(errors='replace')}")
        _, there, media = answer.partition(b"m=audio ")
        return int(media.split()[0]) if there else 0


def ask(sock: socket.socket, request: bytes) -> bytes:
    """The answer to a request, repeated while the server does not listen yet. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        sock.settimeout(0.25)
        try:
            sock.send(request)
            answer = sock.recv(65_536)
        except OSError:  # it does not listen yet
            time.sleep(0.02)
            continue
        sock.settimeout(PATIENCE)
        return answer
    raise TimeoutError(f"no answer from {sock.getpeername()}")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def bencode(value: str | list[Any] | dict[str, Any]) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return f"{len(value.encode())}:{value}".encode()


def package(name: str) -> str:
    """The version that Debian's package manager has."""
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True).stdout
