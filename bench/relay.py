"""Relay: packets a second on one core until 0.1 % are lost or late, and the latency added at half that rate.

Beside coturn, rtpengine in user space, and a bare C forwarder to a fixed destination. The server runs on one core, the
load on another; every packet carries a number and is counted where it arrives. All servers take turns within a round.

Two kinds of load: "calls", where packets follow each other that nothing could put together (see relay_load.c), and
"bursts" of eight packets of one flow, as video frames come.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from test.relay.running import free_port

from . import common
from .relay_peers import Coturn, Rtpengine
from .relay_servers import Bare, Crs, Direct, Forwarder, rmem
from .report import Report
from .systems import Missing

ALL = Crs, Bare, Coturn, Rtpengine
CALLS, BURSTS = (2, 1), (8, 0)  # TRAIN and MIXED of relay_load.c
LOSS = 0.001  # of the packets sent, lost or 100 ms late; what is more is too much
STEP = 0.4  # seconds of load at one rate
FIRST, GROWTH, HALVINGS = 80_000, 1.3, 3  # packets/s to begin with; then raised by this, then halved between
LATENCY = 1.0  # seconds
SETTLING = 2_000  # packets/s that any server takes
BUDGET = 300  # seconds after which rounds are left out
LIMITED = 0.97  # the load offered less than this share of the rate: it is the limit itself


class Cell(NamedTuple):
    kind: str
    conversations: int
    size: int  # bytes
    train: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.kind}-{self.conversations}x{self.size}"


CELLS = [
    *(Cell("calls", many, size, CALLS) for many in (50, 1000) for size in (100, 172, 1200)),
    Cell("bursts", 50, 1200, BURSTS),
]
QUICK = [Cell("calls", 20, 172, CALLS)]


class Outcome(NamedTuple):
    """What the load counted at one rate. Latencies in us."""

    rate: float
    sent: int
    seconds: float
    received: int  # within 100 ms
    late: int
    again: int
    foreign: int
    median: float
    p99: float
    p999: float
    longest: float
    idle: float

    @property
    def fine(self) -> bool:
        return self.received >= (1 - LOSS) * self.sent

    @property
    def offered(self) -> float:
        return self.sent / self.seconds


class Load:
    """The load program, with the conversations of one server. A context manager."""

    def __init__(self, server: Forwarder, cell: Cell):
        self.server, self.cell = server, cell

    def _start(self) -> None:
        file = self.server.tools / f"flows-{self.server.name}"
        self.process = subprocess.Popen(
            [
                *common.pinned(common.LOAD_CORES),
                str(self.server.tools / "relay_load"),
                *map(str, self.server.ports),
                str(file),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def settle(self) -> None:
        """Wait until the server has got rid of what an overload left in its sockets, or help it. Bounded."""
        if self.server.breaks:
            self._end()
            connect(self.server, self.cell.conversations)
            self._start()
        for _ in range(20):
            if self.at(SETTLING, 0.1).fine:
                return

    def at(self, rate: float, seconds: float) -> Outcome:
        self.server.ready()
        print(rate, self.cell.size, seconds, *self.cell.train, file=self.process.stdin, flush=True)
        sent, took, received, late, again, foreign, *latencies, idle = self._line().split()
        return Outcome(
            rate,
            int(sent),
            float(took),
            int(received),
            int(late),
            int(again),
            int(foreign),
            *(int(one) / 1000 for one in latencies),
            float(idle),
        )

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load ended")
        return line

    def _end(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self) -> "Load":
        self._start()
        return self

    def __exit__(self, *_) -> None:
        self._end()


def connect(server: Forwarder, conversations: int) -> None:
    """Set up conversations, for loads to come."""
    (server.tools / f"flows-{server.name}").write_text("\n".join(server.connect(conversations)) + "\n")


class Turn(NamedTuple):
    """What one server did in one round: packets/s, whether the load was the limit, latency at half of that."""

    capacity: float
    limited: bool
    half: Outcome


def capacity(load: Load, start: float) -> Outcome:
    """The highest rate found that loses no more than LOSS. A step that loses gets a second chance."""
    best, rate = None, start
    while True:
        outcome = _twice(load, rate)
        if not outcome.fine:
            break
        best = outcome
        if outcome.offered < LIMITED * rate:
            return best
        rate *= GROWTH
    while best is None:
        rate /= GROWTH
        if rate < 1000:
            raise RuntimeError("it loses packets at any rate")
        outcome = _twice(load, rate)
        if outcome.fine:
            best = outcome
            rate *= GROWTH
    low, high = best.rate, rate
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        outcome = _twice(load, middle)
        if outcome.fine:
            best, low = outcome, middle
        else:
            high = middle
    return best


def _twice(load: Load, rate: float) -> Outcome:
    outcome = load.at(rate, STEP)
    if not outcome.fine:
        load.settle()
        outcome = load.at(rate, STEP)
    if not outcome.fine:
        load.settle()
    return outcome


class Bench:
    def __init__(self, report: Report, rounds: int, tools: Path):
        self.report, self.rounds, self.tools = report, rounds, tools
        self.ports = free_port("0.0.0.0"), free_port("0.0.0.0")
        self.servers: list[Forwarder] = []
        self.found: dict[tuple[Cell, str], list[Turn]] = {}
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
        with Load(server, cell) as load:
            best = capacity(load, self.last.get(server.name, FIRST))
            half = load.at(best.offered / 2, LATENCY)
        before.append(Turn(best.received / best.seconds, best.offered < LIMITED * best.rate, half))
        self.last[server.name] = before[-1].capacity / GROWTH

    def _tell(self, cell: Cell) -> None:
        """The rows of a cell. Latency is told as what is added to that of a load that sends to itself at this rate."""
        direct = Direct(self.ports, self.tools)
        connect(direct, cell.conversations)
        with Load(direct, cell) as load:
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
            common.median([turn.capacity for turn in self.found[cell, server]]) for server in (Crs.name, name)
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


def conclude(bench: Bench, report: Report, cells: list[Cell]) -> None:
    names = [server.name for server in bench.servers]
    if Crs.name not in names:
        return
    for kind in dict.fromkeys(cell.kind for cell in cells):
        these = [cell for cell in cells if cell.kind == kind]
        suffix = "" if kind == "calls" else f"-{kind}"
        for name in names[1:]:
            ratios = [bench.ratio(cell, name) for cell in these]
            for cell, one in zip(these, ratios):
                report.ratio(f"relay-vs-{name}-{cell}", one)
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
    chosen = common.options(__doc__.splitlines()[0], rounds=2)
    common.raise_file_limit()
    cells = QUICK if chosen.quick else CELLS
    report = Report(
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
        keep=not (chosen.quick or chosen.only),
    )
    report.settings["receive buffer"] = rmem()
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as tools:
        bench = Bench(report, chosen.rounds, Path(tools))
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
