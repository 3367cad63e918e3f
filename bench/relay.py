"""Relay: packets a second on one core until 0.1 % are lost or late, and the latency added at half that rate.

Beside coturn, rtpengine in user space, and a bare C forwarder to a fixed destination. The server runs on one core, the
load on another; every packet carries a number and is counted where it arrives. All servers take turns within a round.

Two kinds of load: "calls", where consecutive packets cannot be coalesced (see relay_load.c), and "bursts" of eight
packets of one flow, as for video frames.
"""

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from test.ports import free_port

from . import common
from .relay_load import BURSTS, CALLS, FIRST, GROWTH, LIMITED, Cell, RelayLoad, RelayOutcome, capacity, connect
from .relay_peers import Coturn, Rtpengine
from .relay_servers import Bare, CrsRelay, Forwarder, NoServer, rmem
from .report import BenchReport
from .systems import Missing

ALL = CrsRelay, Bare, Coturn, Rtpengine
LATENCY = 1.0  # seconds of load to measure the latency with
BUDGET = 300  # seconds after which rounds are left out


CELLS = [
    *(Cell("calls", many, size, CALLS) for many in (50, 1000) for size in (100, 172, 1200)),
    Cell("bursts", 50, 1200, BURSTS),
]
QUICK = [Cell("calls", 20, 172, CALLS)]


class RelayTurn(NamedTuple):
    """One server in one round: packets/s, whether the load was the limit, latency at half that rate."""

    capacity: float
    limited: bool
    half: RelayOutcome


class RelayBench:
    """All servers, and what was found for each cell."""

    def __init__(self, report: BenchReport, rounds: int, tools: Path):
        self.report, self.rounds, self.tools = report, rounds, tools
        self.ports = free_port(socket.SOCK_DGRAM, "0.0.0.0"), free_port(socket.SOCK_DGRAM, "0.0.0.0")
        self.servers: list[Forwarder] = []
        self.found: dict[tuple[Cell, str], list[RelayTurn]] = {}
        self.last: dict[str, float] = {}  # server -> where its next search begins

    def start(self, names: list[str]) -> None:
        for kind in ALL:
            if kind.name in names:
                server = kind(self.ports, self.tools)
                try:
                    server.start()
                except Missing as missing:
                    self.report.missing(f"relay-vs-{kind.name}", str(missing))
                    continue
                self.servers.append(server)
                self.report.settings.update({f"{kind.name} {what}": text for what, text in server.about().items()})

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def run(self, cells: list[Cell]) -> None:
        start, connected = time.monotonic(), None
        for number, cell in enumerate(sorted(cells, key=lambda cell: cell.conversations), 1):
            if cell.conversations != connected:
                connected = cell.conversations
                for server in self.servers:
                    connect(server, connected)
            for run in range(self.rounds):
                if run and time.monotonic() - start > BUDGET * number / len(cells):
                    self.report.note(f"{cell}: {run} of {self.rounds} rounds, for want of time")
                    break
                for server in self.servers:
                    self._turn(server, cell)
            self._tell(cell)

    def _turn(self, server: Forwarder, cell: Cell) -> None:
        before = self.found.setdefault((cell, server.name), [])
        with RelayLoad(server, cell) as load:
            best = capacity(load, self.last.get(server.name, FIRST))
            half = load.at(best.offered / 2, LATENCY)
        before.append(RelayTurn(best.received / best.seconds, best.offered < LIMITED * best.rate, half))
        self.last[server.name] = before[-1].capacity / GROWTH

    def _tell(self, cell: Cell) -> None:
        """The rows of a cell. Latency is what the server adds to that of a load that sends to itself at the same
        rate."""
        direct = NoServer(self.ports, self.tools)
        connect(direct, cell.conversations)
        with RelayLoad(direct, cell) as load:
            for server in self.servers:
                turns = self.found[cell, server.name]
                rates, halves = [turn.capacity for turn in turns], [turn.half for turn in turns]
                alone = load.at(common.median(rates) / 2, LATENCY)
                added = [
                    common.median([getattr(half, name) for half in halves]) - getattr(alone, name)
                    for name in ("median", "p99", "p999")
                ]
                sent, arrived = sum(half.sent for half in halves), sum(half.received for half in halves)
                self.report.row(
                    str(cell),
                    server.name,
                    common.median(rates),
                    f"{100 * common.spread(rates):.0f} %",
                    "yes" if any(turn.limited for turn in turns) else "no",
                    *added,
                    f"{arrived} of {sent}",
                )

    def ratio(self, cell: Cell, name: str) -> float:
        ours, theirs = (
            common.median([turn.capacity for turn in self.found[cell, server]]) for server in (CrsRelay.name, name)
        )
        return ours / theirs


def compile_tools(folder: Path) -> None:
    """Build the C programs of this benchmark. Raises Missing."""
    for name in ("relay_load", "relay_bare"):
        source = Path(__file__).with_name(f"{name}.c")
        try:
            subprocess.run(["cc", "-O2", "-o", folder / name, source], check=True)
        except FileNotFoundError:
            raise Missing("no C compiler: apt-get install gcc libc6-dev") from None


def conclude(bench: RelayBench, report: BenchReport, cells: list[Cell]) -> None:
    names = [server.name for server in bench.servers]
    if CrsRelay.name not in names:
        return
    for kind in dict.fromkeys(cell.kind for cell in cells):
        these = [cell for cell in cells if cell.kind == kind]
        suffix = "" if kind == "calls" else f"-{kind}"
        for name in names[1:]:
            ratios = [bench.ratio(cell, name) for cell in these]
            for cell, ratio in zip(these, ratios, strict=True):
                report.ratio(f"relay-vs-{name}-{cell}", ratio)
            report.ratio(f"relay-vs-{name}{suffix}", common.median(ratios))
    report.plot(
        "Relay: packets/s on one core, 50 and 1,000 conversations",
        "bytes a packet",
        "packets/s",
        {
            f"{name} {many}": [
                (cell.size, common.median([turn.capacity for turn in bench.found[cell, name]]))
                for cell in cells
                if cell.conversations == many and cell.kind == "calls"
            ]
            for many in dict.fromkeys(cell.conversations for cell in cells)
            for name in names
        },
    )


def main() -> int:
    chosen = common.options(__doc__, rounds=2)
    common.raise_file_limit()
    cells = QUICK if chosen.quick else CELLS
    report = BenchReport(
        "relay",
        "Relay",
        (
            "load",
            "server",
            "packets/s",
            "spread",
            "load-limited",
            "added p50 us",
            "p99 us",
            "p99.9 us",
            "arrived at half the rate",
        ),
        keep=not chosen.partial,
    )
    report.settings["receive buffer"] = rmem()
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as tools:
        bench = RelayBench(report, chosen.rounds, Path(tools))
        try:
            compile_tools(bench.tools)
            bench.start(chosen.only.split(",") if chosen.only else [kind.name for kind in ALL])
            bench.run(cells)
            conclude(bench, report, cells)
        except Exception as error:
            report.fault(f"{type(error).__name__}: {error}")
        finally:
            bench.stop()
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
