"""Turns: no pass of the loop takes longer than some milliseconds, however many connections are ready in it.

libev runs all that is ready before it looks at timers and sockets again: 64 handshakes are 30 ms of it, 10,000 clients
that leave together 250 ms, the answers that Redis gives together 50. So a greenlet that was woken in a pass that has
lasted waits in line, and the line is served for a slice of each pass. Those who are attached go before those who shake
hands, of whom each pass serves one at least. Never here: what is done in a turn; sockets.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic
from weakref import WeakKeyDictionary

from gevent.hub import Waiter

SLICE = 0.004   # seconds of a pass


class Turns:
    """The two lines of one hub. ``clock()`` gives seconds that only go forward."""

    def __init__(self, hub, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._over = clock() + SLICE                  # when this pass has lasted
        self._line: deque[Waiter] = deque()
        self._shaking: deque[Waiter] = deque()
        self._timer = hub.loop.timer(0)
        self._check = hub.loop.check(ref=False)       # runs at the beginning of a pass
        self._check.start(self._begin)

    def take(self, shaking: bool = False) -> None:
        """Wait for a turn where one is needed; said by a greenlet that was just woken. ``shaking``: it is
        about to shake hands."""
        line = self._shaking if shaking else self._line
        if not line and self._clock() < self._over and not (shaking and self._line):
            return
        waiter = Waiter()
        line.append(waiter)
        if not self._timer.active:
            self._timer.start(self._serve)
        waiter.get()

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


_turns: WeakKeyDictionary = WeakKeyDictionary()


def of(hub) -> Turns:
    """The turns of a hub."""
    turns = _turns.get(hub)
    if turns is None:
        turns = _turns[hub] = Turns(hub)
    return turns
