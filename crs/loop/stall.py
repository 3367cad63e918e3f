"""The longest stall of a worker's loop: how late a short timer was, at the worst, since somebody asked.

Whatever holds the loop (a handler that computes, a process of another that has the core) holds every client of the
worker. Lives here: the measuring. Where it is told: the process table. Never here: greenlets, as one would have to
wait its turn among the others.
"""

from collections.abc import Callable

import gevent

PERIOD = 0.005  # seconds; a stall is told up to so much shorter than it was


class Watchdog:
    """Measures the loop of the calling thread from ``begin`` on. ``clock()`` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._last = clock()
        self._longest = 0.0
        self._timer = None

    def begin(self) -> None:
        self._last = self._clock()
        self._timer = gevent.get_hub().loop.timer(PERIOD, PERIOD)
        self._timer.start(self.tick)

    def tick(self) -> None:
        """One turn of the loop; what came later than PERIOD after the one before is a stall."""
        now = self._clock()
        self._longest = max(self._longest, now - self._last - PERIOD)
        self._last = now

    def take(self) -> float:
        """Milliseconds of the longest stall since this was called last."""
        longest, self._longest = self._longest, 0.0
        return round(longest * 1000, 1)
