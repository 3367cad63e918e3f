"""The load of bench-relay: packets of many conversations at a rate, sent and counted by ``relay_load.c``."""

import subprocess
from typing import NamedTuple

from . import common
from .relay_servers import Forwarder

CALLS, BURSTS = (2, 1), (8, 0)  # TRAIN and MIXED of relay_load.c
LOSS = 0.001  # the share of packets that may be lost or 100 ms late
STEP = 0.4  # seconds of load at one rate
FIRST, GROWTH, HALVINGS = 80_000, 1.3, 3  # packets/s to begin with; then raised by this, then halved between
SETTLING = 2_000  # packets/s that any server can forward
LIMITED = 0.97  # the load offered less than this share of the rate: the load is the limit


class Cell(NamedTuple):
    kind: str
    conversations: int
    size: int  # bytes
    train: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.kind}-{self.conversations}x{self.size}"


class RelayOutcome(NamedTuple):
    """Counts of the load at one rate. Latencies in us."""

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


class RelayLoad:
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
        assert self.process.stdin and self.process.stdout  # they are pipes
        self._to, self._from = self.process.stdin, self.process.stdout
        self._line()

    def settle(self) -> None:
        """Wait, for a bounded time, until the server has drained its sockets after an overload; connect again if it
        broke."""
        if self.server.breaks:
            self._end()
            connect(self.server, self.cell.conversations)
            self._start()
        for _ in range(20):
            if self.at(SETTLING, 0.1).fine:
                return

    def at(self, rate: float, seconds: float) -> RelayOutcome:
        self.server.ready()
        print(rate, self.cell.size, seconds, *self.cell.train, file=self._to, flush=True)
        sent, took, received, late, again, foreign, *latencies, idle = self._line().split()
        middle, p99, p999, longest = (int(latency) / 1000 for latency in latencies)
        return RelayOutcome(
            rate,
            int(sent),
            float(took),
            int(received),
            int(late),
            int(again),
            int(foreign),
            middle,
            p99,
            p999,
            longest,
            float(idle),
        )

    def _line(self) -> str:
        line = self._from.readline()
        if not line:
            raise RuntimeError("the load ended")
        return line

    def _end(self) -> None:
        self._to.close()
        self.process.wait()

    def __enter__(self) -> "RelayLoad":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()


def connect(server: Forwarder, conversations: int) -> None:
    """Set up conversations for the loads that follow."""
    (server.tools / f"flows-{server.name}").write_text("\n".join(server.connect(conversations)) + "\n")


def capacity(load: RelayLoad, start: float) -> RelayOutcome:
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


def _twice(load: RelayLoad, rate: float) -> RelayOutcome:
    outcome = load.at(rate, STEP)
    if not outcome.fine:
        load.settle()
        outcome = load.at(rate, STEP)
    if not outcome.fine:
        load.settle()
    return outcome
