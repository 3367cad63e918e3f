"""Connections at rest: while a client says nothing, no greenlet waits for it.

The reason: a greenlet that waits weighs 7 KiB (its C stack, a page of Python frames, itself), a quarter of what an idle
client costs. So a connection that has nothing to read gives its greenlet back, and is given one again when bytes have
come. What runs there is in blocking style, as everywhere.

Greenlets are used again and again, as a new one takes 12 us more. All of this is for one thread, that of the worker's
loop.
"""

from collections.abc import Callable
from typing import Any, Protocol

import gevent
from greenlet import getcurrent, greenlet

from crs.loop import turns

KEPT = 256  # greenlets that wait for work; one that finds so many others ends

_free: list[greenlet] = []


Work = Callable[..., object]
Arguments = tuple[Any, ...]


class Watcher(Protocol):
    """What tells that bytes have come: an io watcher of gevent's loop."""

    def start(self, callback: Callable[[], object], /) -> None: ...
    def stop(self) -> None: ...


class Rest:
    """A connection at rest on ``watcher``: ``work`` begins when bytes have come and it is its turn, or when gevent
    closes the watcher. Then it calls ``throw``, as it would of a waiting greenlet."""

    __slots__ = ("_watcher", "_work", "_arguments")

    def __init__(self, watcher: Watcher, work: Work, arguments: Arguments) -> None:
        self._watcher = watcher
        self._work = work
        self._arguments = arguments
        watcher.start(self.wake)

    def wake(self) -> None:
        self._watcher.stop()
        turns.of(gevent.get_hub()).call(self)

    def switch(self, _nothing: None) -> None:
        _begin(self._work, self._arguments)

    def throw(self, _why: object) -> None:
        _begin(self._work, self._arguments)


def spawn(work: Work, *arguments: Any) -> None:
    """Run ``work(*arguments)`` soon. Nobody can wait for its end, or end it."""
    gevent.get_hub().loop.run_callback(_begin, work, arguments)


def _begin(work: Work, arguments: Arguments) -> None:
    """Called by the loop."""
    worker = _free.pop() if _free else greenlet(_run, gevent.get_hub())
    worker.switch(work, arguments)


def _run(work: Work, arguments: Arguments) -> None:
    while True:
        work(*arguments)
        del work, arguments  # what they hold must not be held while this greenlet waits
        if len(_free) >= KEPT:
            return
        _free.append(getcurrent())
        work, arguments = gevent.get_hub().switch()
