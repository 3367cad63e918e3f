"""XDP: what ``media-offload xdp`` brings on a veth pair between two network namespaces, native mode.

The same relay with its sockets and with the offload, in turn, on one pair. Needs root and clang. The verdict stands
in doc/decisions/xdp.md.

The relay's end of the pair is polled by a thread on the server's core, at the priority of an interrupt, as a card would
be; the load is made by a program on the other core, which is never what is measured. What comes back is counted, and
dropped, as soon as it leaves the relay: that costs time of the server's core, the same for both.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from crs.relay import bpf, xdp, xdp_build
from test.relay import wire
from test.relay.running import RunningRelay, new_leg, request

from . import common
from .common import LOAD_CORES, SERVER_CORES, median, spread
from .report import BenchReport
from .xdp_load import Address, XdpLoad, XdpOutcome, packet_head, run_program

MODES = {"sockets": "none", "xdp": "xdp"}
CELLS = [(50, 172), (1000, 172), (1000, 1200)]  # conversations, bytes
QUICK = [(20, 172)]
LOSS = 0.001
FIRST, GROWTH, HALVINGS, MOST = 30_000, 1.3, 2, 4_000_000  # packets/s; 4 million: more than the load can make
STEP, CHANCES = 0.15, 6  # seconds at one rate; how often, if packets were lost: virtual machines pause
LIMITED = 0.8  # the load made less than this share of the rate: the load is the limit
COMPARED, COMPARED_FOR = 40_000, 0.5  # packets/s at which the cost of a packet is compared; seconds
BUDGET = 210  # seconds after which rounds are left out
REPEATS = 200  # of the bare program: less than a TTL


class XdpTurn(NamedTuple):
    capacity: float  # packets/s
    limited: bool  # it was the load that could make no more
    cost: float  # us of the server's core for a packet, at COMPARED
    at: XdpOutcome  # at COMPARED


Turns = dict[tuple[tuple[int, int], str], list[XdpTurn]]  # (cell, mode) -> those of all rounds


class XdpBench:
    """One pair of namespaces, and a load on it."""

    def __init__(self, pair: wire.Wire, tools: Path):
        self.pair = pair
        before = _polling()
        for namespace, device in ((pair.relay, "relay"), (pair.client, "client")):
            with pair.inside(namespace):
                wire.take_frames(device)
        _ip("netns", "exec", pair.relay, "sh", "-c", "echo 1 > /sys/class/net/relay/threaded")
        _ip("-n", pair.client, "route", "add", "local", "10.98.0.0/16", "dev", "lo")
        self._threads = _polling() - before
        for thread in self._threads:
            os.sched_setaffinity(thread, SERVER_CORES)
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
        with pair.inside(pair.client):
            self.load = XdpLoad(tools, "client", (_mac(pair.client, "client"), _mac(pair.relay, "relay")))

    def turn(self, mode: str, conversations: int, size: int) -> XdpTurn:
        with self.pair.inside(self.pair.relay):
            relay = RunningRelay(
                wire.RELAY,
                conf=f"media-offload {MODES[mode]}",
                prefix=("ip", "netns", "exec", self.pair.relay, *common.pinned(SERVER_CORES)),
            )
        frames = self.pair.receive_frames() if mode == "xdp" else None
        try:
            with relay, self.pair.inside(self.pair.client):
                if ("XDP at relay" in relay.log()) != (mode == "xdp"):
                    raise RuntimeError(relay.log())
                self._connect(relay, conversations)
                self.load.flows((wire.RELAY, relay.port), list(map(_addresses, range(conversations))), size)
                return self._measure(relay)
        finally:
            if frames is not None:
                os.close(frames)

    def _connect(self, relay: RunningRelay, conversations: int) -> None:
        for number in range(conversations):
            legs = new_leg(), new_leg()
            relay.add(*legs)
            for address, leg in zip(_addresses(number), legs, strict=True):
                with socket.socket(type=socket.SOCK_DGRAM) as sock:
                    sock.settimeout(5)
                    sock.bind(address)
                    sock.sendto(request(leg), (wire.RELAY, relay.port))
                    sock.recv(2048)

    def _measure(self, relay: RunningRelay) -> XdpTurn:
        best, limited = self._capacity()
        costs = []
        for _ in range(3):
            before = self._used(relay)
            at = self.load.at(COMPARED, COMPARED_FOR)
            costs.append((self._used(relay) - before) / 1000 / at.received)
        return XdpTurn(best.offered if best else 0.0, limited, median(costs), at)

    def _capacity(self) -> tuple[XdpOutcome | None, bool]:
        """The outcome at the highest rate that lost no more than LOSS, and whether the load was the limit."""
        best: XdpOutcome | None = None
        rate, failed = float(FIRST), 0
        while rate < MOST and failed < 2:  # a single failure may be the fault of the machine
            tried = self._try(rate)
            if tried.offered < LIMITED * rate:
                return tried if tried.lost <= LOSS else best, True
            best, failed = (tried, 0) if tried.lost <= LOSS else (best, failed + 1)
            rate *= GROWTH
        if best is None:
            return None, False
        step = GROWTH
        for _ in range(HALVINGS):
            step **= 0.5
            tried = self._try(best.rate * step)
            if tried.lost <= LOSS:
                best = tried
        return best, False

    def _try(self, rate: float) -> XdpOutcome:
        for _ in range(CHANCES):
            outcome = self.load.at(rate, STEP)
            if outcome.foreign:
                raise RuntimeError("a packet came where it does not belong")
            if outcome.lost <= LOSS:
                break
        return outcome

    def _used(self, relay: RunningRelay) -> int:
        """ns of the core that the relay and the polling threads have used."""
        processes = [*([relay.process.pid] if relay.process else []), *self._threads]
        return sum(
            int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
            for pid in processes
            for task in os.listdir(f"/proc/{pid}/task")
        )


def bare() -> dict[str, float]:
    """ns of the program for each kind of packet, by the kernel's own test run, without any driver."""
    program = bpf.Object(xdp.PROGRAM)
    a, relay, b = ("10.98.0.1", 20_000), (wire.RELAY, 5_000), ("10.98.64.1", 20_001)
    ends = bpf.mapped(program.map("ends"), xdp.MAX_LEGS * xdp.END.size)
    for number, (arriving, leaving) in enumerate([((a, relay), (relay, b)), ((relay, b), (a, relay))]):  # in circles
        before, after = xdp.flow(*arriving), xdp.flow(*leaving)
        assert before and after  # None is for link-local addresses
        program.update(program.map("routes"), before, xdp.route(before, after, number, 1 - number, 8, 0))
        xdp.END.pack_into(ends, number * xdp.END.size, 0, bytes(range(1, 9)))

    def packet(source: Address = a, first: bytes = b"\x80") -> bytes:
        return bytes(12) + b"\x08\0" + packet_head(source, relay, 172, 255, 0x1234) + first + bytes(171)

    sorts = {
        "it forwards": packet(),
        "may be STUN": packet(first=b"\0"),
        "is of no known flow": packet(("10.98.9.9", 9)),
    }
    took = {
        sort: median([run_program(program.program("crs_forward"), data, REPEATS).duration for _ in range(15)])
        for sort, data in sorts.items()
    }
    program.close()
    return took


def _addresses(number: int) -> tuple[Address, Address]:
    """Of the two ends of a conversation."""
    return (f"10.98.{number >> 8}.{number & 255}", 20_000), (f"10.98.{64 + (number >> 8)}.{number & 255}", 20_001)


def _polling() -> set[int]:
    """The threads that poll devices called "relay"."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(f"/proc/{name}/comm").read_text().startswith("napi/relay-"):
                found.add(int(name))
        except OSError:
            continue
    return found


def _mac(namespace: str, device: str) -> bytes:
    told = _ip("-br", "-n", namespace, "link", "show", device)
    return bytes.fromhex(told.split()[2].replace(":", ""))


def _ip(*command: str) -> str:
    return subprocess.run(["ip", *command], check=True, capture_output=True, text=True).stdout


def conclude(report: BenchReport, turns: Turns) -> None:
    for cell in dict.fromkeys(cell for cell, _ in turns):
        told = {}
        for mode in MODES:
            these = turns[cell, mode]
            rates = [turn.capacity for turn in these]
            told[mode] = median(rates), median([turn.cost for turn in these])
            report.row(
                f"{cell[0]}x{cell[1]}",
                mode,
                told[mode][0],
                f"{spread(rates):.0%}",
                "yes" if any(turn.limited for turn in these) else "no",
                told[mode][1],
                median([turn.at.median for turn in these]),
                median([turn.at.p99 for turn in these]),
            )
        report.ratio(f"xdp-packets-{cell[0]}x{cell[1]}", told["xdp"][0] / told["sockets"][0])
        report.ratio(f"xdp-cpu-{cell[0]}x{cell[1]}", told["sockets"][1] / told["xdp"][1])


def main() -> int:
    chosen = common.options(__doc__, rounds=3)
    if missing := wire.why_not():
        print(f"{missing}\nratio xdp missing")
        return 1
    common.raise_file_limit()
    os.sched_setaffinity(0, LOAD_CORES)
    report = BenchReport(
        "xdp",
        "XDP",
        ("load", "forwarder", "packets/s", "spread", "load-limited", f"CPU us at {COMPARED:,}/s", "p50 us", "p99 us"),
        keep=not chosen.partial,
    )
    report.settings |= {
        "offload": f"veth, native mode; built by {xdp_build.clang()}; sockets: C, one loop",
        "load": f"a packet of each flow in turn, no two of one flow in a row; steps of {STEP} s, "
        f"{CHANCES} chances each",
    }
    turns: Turns = {}
    began = time.monotonic()
    try:
        for sort, took in bare().items():
            report.note(f"the bare program takes {took:.0f} ns for a packet that {sort}")
        with wire.Wire() as pair, tempfile.TemporaryDirectory(prefix="bench-xdp-") as tools:
            bench = XdpBench(pair, Path(tools))
            for number in range(chosen.rounds):
                for cell in QUICK if chosen.quick else CELLS:
                    for mode in MODES:
                        if number and time.monotonic() - began > BUDGET:
                            continue
                        turn = bench.turn(mode, *cell)
                        turns.setdefault((cell, mode), []).append(turn)
                        print(
                            f"round {number + 1}, {cell[0]}x{cell[1]}, {mode}: {turn.capacity:,.0f}/s, "
                            f"{turn.cost:.2f} us",
                            flush=True,
                        )
            bench.load.close()
        conclude(report, turns)
    except Exception as error:
        report.fault(f"{type(error).__name__}: {error}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
