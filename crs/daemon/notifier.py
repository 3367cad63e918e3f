"""``scripts/notify.sh``: the operator's script, told of every system event (manual, chapter 7.1).

Events are told one after the other, so their order is kept; nobody waits for the script, and it has ten seconds.
"""

import os
import signal
import subprocess
import time
from collections import deque
from pathlib import Path

from crs import log

LOG = log.get("notify")
LIMIT = 10.0  # seconds that one run of the script may take
WAITING = 200  # events that may wait; beyond, the oldest are given up


class Notifier:
    """Runs the script for each event. ``step`` is to be called often."""

    def __init__(self, script: Path):
        self.script = script
        self._events: deque[tuple[str, str]] = deque()
        self._running: subprocess.Popen | None = None
        self._deadline = 0.0
        self._broken = ""

    @property
    def busy(self) -> bool:
        return self._running is not None or bool(self._events)

    def tell(self, unit: str, event: str) -> None:
        """Tell the script, soon, of an ``event`` of a ``unit`` (a service or module)."""
        if len(self._events) == WAITING:
            lost = self._events.popleft()
            LOG.warn(f"{self.script} is too slow, not told: {': '.join(lost)}")
        self._events.append((unit, event))

    def step(self, now: float) -> None:
        """See whether the script has ended, and run it for the next event."""
        if self._running is not None:
            self._look(now)
        if self._running is None and self._events:
            self._run(*self._events.popleft(), now)

    def finish(self, within: float) -> None:
        """Run what waits, for ``within`` seconds at most; then the script is ended."""
        deadline = time.monotonic() + within
        while self.busy and time.monotonic() < deadline:
            self.step(time.monotonic())
            time.sleep(0.01)
        if self._running is not None:
            self._kill("it was still at work when the host stopped")

    def _run(self, unit: str, event: str, now: float) -> None:
        try:
            self._running = subprocess.Popen(
                [self.script, unit, event],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._deadline = now + LIMIT
            self._broken = ""
        except OSError as error:
            if self._broken != error.strerror:
                self._broken = error.strerror
                LOG.warn(f"{self.script} cannot be run: {error.strerror}; events are not told")

    def _look(self, now: float) -> None:
        code = self._running.poll()
        if code is None and now < self._deadline:
            return
        if code is None:
            self._kill(f"it took longer than {LIMIT:g} s")
        elif code:
            LOG.warn(f"{self.script} ended with code {code}")
        self._running = None

    def _kill(self, why: str) -> None:
        """End the script and all that it started."""
        os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()
        LOG.warn(f"{self.script} was ended: {why}")
