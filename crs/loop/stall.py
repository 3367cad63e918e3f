"""The longest stall of a worker's loop: how late a short timer was, at the worst, since that was last taken.

Whatever holds the loop (a handler that computes, another process that has the core) holds every client of the worker.
No greenlet measures it, as that would have to wait its turn among the others.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from gevent._types import _TimerWatcher

PERIOD = 0.005  # seconds; a stall is told up to so much shorter than it was


class StallWatch:
    """Measures the loop of the calling thread from ``begin`` on. ``clock()`` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._longest = 0.0
        self._timer: _TimerWatcher | None = None

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
        """Milliseconds of the longest stall since this was called last. It is kept nowhere else."""
        longest, self._longest = self._longest, 0.0
        return round(longest * 1000, 1)
