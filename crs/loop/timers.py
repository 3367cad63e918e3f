"""One queue of deadlines for a whole worker, instead of a greenlet or a kernel timer for each connection.

Actions run in the worker's one timer greenlet: they must be short and must not block (spawn where they would).
"""

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from .. import log

LOG = log.get("timers")


class Timers:
    """Runs actions when they are due. ``clock()`` gives seconds that only go forward (time.monotonic)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._sooner = Event()

    def after(self, milliseconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """Run ``action(*arguments)`` once, ``milliseconds`` from now. There is no cancel: an action looks itself
        whether it still has something to do, and holds names (connection ids), not objects."""
        due = self._clock() + milliseconds / 1000
        heapq.heappush(self._heap, (due, next(self._order), action, arguments))
        if self._heap[0][0] == due:
            self._sooner.set()

    def run(self) -> None:
        """Serve for ever; one greenlet."""
        while True:
            self._sooner.clear()
            wait = self._heap[0][0] - self._clock() if self._heap else None
            if wait is None or wait > 0:
                self._sooner.wait(wait)
                continue
            _, _, action, arguments = heapq.heappop(self._heap)
            try:
                action(*arguments)
            except Exception as error:
                LOG.warn(f"a timed action failed: {type(error).__name__}: {error}")
            gevent.sleep(0)
