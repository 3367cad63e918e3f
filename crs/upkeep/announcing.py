"""The process table: each worker says that it lives, how many connections it has, how long its loop stood still."""

import os
import time
from collections import deque
from collections.abc import Callable

from ..service.worker import Worker
from ..wire.vocabulary import Reconnect, notification

ANNOUNCE = 5  # seconds between two entries
SHOWN = 60.0  # seconds for which a stall is shown as the worst one, so that whoever reads each minute sees it
LEAVE_SHARE = 20  # an overloaded worker asks one in so many of its clients to move, each ANNOUNCE


class Stalls:
    """The stalls of a loop, as they are measured and as they are shown. ``clock()`` gives seconds that only go
    forward."""

    def __init__(self, take: Callable[[], float], clock: Callable[[], float] = time.monotonic):
        self._take = take
        self._clock = clock
        self._taken: deque[tuple[float, float]] = deque()  # when, ms

    def since_last_entry(self) -> float:
        """ms of the longest stall since the last regular entry: an entry in between does not take its place."""
        self._look()
        return self._longest(ANNOUNCE)

    def worst(self) -> float:
        """ms of the longest stall in the last SHOWN seconds."""
        return self._longest(SHOWN)

    def _look(self) -> None:
        now = self._clock()
        self._taken.append((now, self._take()))
        while now - self._taken[0][0] > SHOWN:
            self._taken.popleft()

    def _longest(self, seconds: float) -> float:
        now = self._clock()
        return max((stall for taken, stall in self._taken if now - taken < seconds), default=0.0)


class Announcing:
    """The entry of one worker, and its share of the clients."""

    def __init__(self, worker: Worker, stalls: Stalls):
        self._worker = worker
        self._stalls = stalls

    def announce(self) -> None:
        """Write the entry anew; where this worker has far more connections than the mean, ask some clients to move.
        Raises Unavailable."""
        worker = self._worker
        mine = len(worker.connections)
        worker.directory.announce(
            worker.name,
            os.getpid(),
            mine,
            worker.clock(),
            sorted(worker.accounts.months),
            self._stalls.since_last_entry(),
            self._stalls.worst(),
        )
        others = [process.clients for process in worker.directory.processes(worker.clock())]
        mean = sum(others) / len(others) if others else mine
        if mine > 1.5 * mean + 50:
            self._ask_to_leave(max(1, mine // LEAVE_SHARE))

    def _ask_to_leave(self, count: int) -> None:
        text = notification("reconnect", Reconnect("balance", 30_000))
        for connection in self._worker.random.sample(self._worker.connections.all(), count):
            if connection.state == "registered":
                connection.push(text)
