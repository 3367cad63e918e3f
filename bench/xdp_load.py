"""The load of bench-xdp: numbered flows at a rate, made and counted in the kernel by ``xdp_load.bpf.c``.

Addresses are IPv4. The caller is in the network namespace of the clients, on the core of the load.
"""

import ctypes
import os
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crs.relay import bpf, xdp_build

Address = tuple[str, int]

SOURCE = Path(__file__).with_name("xdp_load.bpf.c")
BATCH = 32  # packets in one batch, as from a network card
HEAD = 42  # bytes of Ethernet, IP and UDP
PLAN = struct.Struct("=QQIIII6Q")
FLOW = struct.Struct("=42s2x4s2s2x4x")
BUCKETS, STEPS, MAX_FLOWS = 512, 8, 1 << 14  # these as in xdp_load.bpf.c
TCX_INGRESS = 46  # bpf_attach_type, <linux/bpf.h>; Linux 6.6
LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES; Linux 5.18
QUIET = 0.05  # seconds after the last packet until all have arrived
DELAY = 2_000_000  # ns from now to the first packet


class TestRun(ctypes.Structure):
    """struct bpf_test_run_opts of libbpf."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    ]


def run_program(program: int, data: bytes, repeat: int, flags: int = 0, batch: int = 0) -> TestRun:
    """Run an XDP program on a packet, by the kernel's own test. Raises OSError."""
    options = TestRun(ctypes.sizeof(TestRun), data, None, len(data), 0, None, None, 0, 0, 0, repeat, 0, flags, 0, batch)
    result = bpf.library().bpf_prog_test_run_opts(program, ctypes.byref(options))
    if result < 0:
        raise OSError(-result, f"cannot run a program: {os.strerror(-result)}")
    return options


class XdpOutcome(NamedTuple):
    """Counts at one rate. Times in us; latencies of the packets received, in steps of an eighth."""

    rate: float
    offered: float  # packets/s that were sent: a delay of the load is not made up
    sent: int
    received: int  # at the right address, within 100 ms
    foreign: int
    median: float
    p99: float

    @property
    def lost(self) -> float:
        return 1 - self.received / self.sent


class XdpLoad:
    """Flows from a device to a relay, and back at that device. ``macs``: of this device and of the relay's."""

    def __init__(self, tools: Path, device: str, macs: tuple[bytes, bytes]):
        program = tools / "xdp_load.bpf.o"
        fault = xdp_build.build(program, SOURCE)
        if fault:
            raise RuntimeError(fault)
        self._object = bpf.Object(program)
        self._plan = bpf.mapped(self._object.map("plans"), PLAN.size)
        self._flows = bpf.mapped(self._object.map("flows"), MAX_FLOWS * FLOW.size)
        self._histogram = bpf.mapped(self._object.map("histogram"), BUCKETS * 8)
        self._device, self._macs, self._run, self._count = socket.if_nametoindex(device), macs, 0, 0
        self._sink = bpf.attach(self._object.program("count_packets"), self._device, TCX_INGRESS, 0)

    def flows(self, relay: tuple[str, int], pairs: Sequence[tuple[Address, Address]], size: int) -> None:
        """Set the flows: packets of ``size`` bytes from each address of each pair to the other."""
        ways = [way for a, b in pairs for way in ((a, b), (b, a))]
        for number, (source, to) in enumerate(ways):
            FLOW.pack_into(
                self._flows,
                number * FLOW.size,
                self._head(source, relay, size),
                socket.inet_aton(to[0]),
                struct.pack("!H", to[1]),
            )
        self._count, self._size = len(ways), size

    def _head(self, source: Address, to: Address, size: int) -> bytes:
        own, relay = self._macs
        return relay + own + b"\x08\0" + packet_head(source, to, size)

    def at(self, rate: float, seconds: float) -> XdpOutcome:
        self._run += 1
        start = time.monotonic_ns() + DELAY
        self._histogram[:] = bytes(len(self._histogram))
        PLAN.pack_into(self._plan, 0, start, int(1e9 / rate), self._run, self._count, BATCH, self._device, *[0] * 6)
        run_program(
            self._object.program("make_packets"), bytes(HEAD + self._size), int(rate * seconds), LIVE_FRAMES, BATCH
        )
        took = (time.monotonic_ns() - start) / 1e9
        time.sleep(QUIET)
        *_, sent, received, foreign, _, _, _ = PLAN.unpack_from(self._plan, 0)
        return XdpOutcome(rate, sent / took, sent, received, foreign, self._quantile(0.5), self._quantile(0.99))

    def _quantile(self, share: float) -> float:
        counts = struct.unpack(f"={BUCKETS}Q", self._histogram[: BUCKETS * 8])
        rank, seen = sum(counts) * share, 0
        for number, count in enumerate(counts):
            seen += count
            if seen > rank:
                return (number if number < STEPS else number % STEPS + STEPS << number // STEPS - 1) / 1000
        return float("nan")

    def close(self) -> None:
        os.close(self._sink)
        self._object.close()


def packet_head(source: Address, to: Address, size: int, ttl: int = 64, checksum: int = 0) -> bytes:
    """The IP and UDP headers of a packet. UDP checksum 0 means none, as for a packet that a card has verified."""
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28 + size, 0, 0x4000, ttl, 17, 0, socket.inet_aton(source[0]), socket.inet_aton(to[0])
    )
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    return (
        ip[:10]
        + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)
        + ip[12:]
        + struct.pack("!HHHH", source[1], to[1], 8 + size, checksum)
    )
