"""Turns: no pass of the loop takes longer than some milliseconds, however many connections are ready in it.

libev runs all that is ready before it looks at timers and sockets again: 64 handshakes are 30 ms of it, 10,000 clients
that leave together 250 ms, the answers that Redis gives together 50. So a greenlet that was woken in a pass that has
lasted waits in line, and the line is served for a slice of each pass. Those who are attached go before those who shake
hands, of whom each pass serves one at least.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol
from weakref import WeakKeyDictionary

from gevent.hub import Hub, Waiter

SLICE = 0.004  # seconds of a pass


class Switched(Protocol):
    """A greenlet, or what stands for one."""

    def switch(self, value: None, /) -> object: ...


class Turns:
    """The two lines of one hub. ``clock()`` gives seconds that only go forward."""

    def __init__(self, hub: Hub, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._over = clock() + SLICE  # when this pass has lasted
        self._line: deque[Switched] = deque()
        self._shaking: deque[Switched] = deque()
        self._timer = hub.loop.timer(0)
        self._check = hub.loop.check(ref=False)  # runs at the beginning of a pass
        self._check.start(self._begin)

    def take(self, shaking: bool = False) -> None:
        """Wait for a turn where one is needed; said by a greenlet that was just woken. ``shaking``: it is
        about to shake hands."""
        if not self._is_now(shaking):
            waiter: Waiter[None] = Waiter()
            self._line_up(waiter, shaking)
            waiter.get()

    def call(self, woken: Switched) -> None:
        """Call ``woken.switch(None)`` in its turn, now or by the loop; said by the loop, of what was just woken."""
        if self._is_now(False):
            woken.switch(None)
        else:
            self._line_up(woken, False)

    def _is_now(self, shaking: bool) -> bool:
        line = self._shaking if shaking else self._line
        return not line and self._clock() < self._over and not (shaking and self._line)

    def _line_up(self, woken: Switched, shaking: bool) -> None:
        (self._shaking if shaking else self._line).append(woken)
        if not self._timer.active:  # type: ignore[attr-defined]  # of every watcher, but not in the stubs
            self._timer.start(self._serve)

    def close(self) -> None:
        """End; nobody may wait."""
        self._check.close()
        self._timer.close()

    def _begin(self) -> None:
        self._over = self._clock() + SLICE

    def _serve(self) -> None:
        while self._line and self._clock() < self._over:
            self._line.popleft().switch(None)
        if self._shaking:
            self._shaking.popleft().switch(None)
        while self._shaking and self._clock() < self._over:
            self._shaking.popleft().switch(None)
        if self._line or self._shaking:
            self._timer.start(self._serve)


_turns: WeakKeyDictionary[Hub, Turns] = WeakKeyDictionary()


def of(hub: Hub) -> Turns:
    """The turns of a hub."""
    turns = _turns.get(hub)
    if turns is None:
        turns = _turns[hub] = Turns(hub)
    return turns
