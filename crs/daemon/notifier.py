"""``scripts/notify.sh``: the operator's script, run at every system event (manual, chapter 7.1).

It runs for one event after the other, so their order is kept. The supervisor never waits for it; each run has ten
seconds.
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
WAITING = 200  # events that may wait; beyond, the oldest are dropped


class Notifier:
    """Runs the script for each event. ``step`` is to be called often."""

    def __init__(self, script: Path):
        self.script = script
        self._events: deque[tuple[str, str]] = deque()
        self._running: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0
        self._broken: str | None = None  # why it could not be run the last time

    @property
    def busy(self) -> bool:
        return self._running is not None or bool(self._events)

    def tell(self, unit: str, event: str) -> None:
        """Have the script run for an ``event`` of a ``unit`` (a service or module)."""
        if len(self._events) == WAITING:
            lost = self._events.popleft()
            LOG.warn(f"{self.script} is too slow, not told: {': '.join(lost)}")
        self._events.append((unit, event))

    def step(self, now: float) -> None:
        """See whether the script has ended, and run it for the next event."""
        if self._running is not None:
            self._look(self._running, now)
        if self._running is None and self._events:
            self._run(*self._events.popleft(), now)

    def finish(self, within: float) -> None:
        """Run what waits, for ``within`` seconds at most; then the script is ended."""
        deadline = time.monotonic() + within
        while self.busy and time.monotonic() < deadline:
            self.step(time.monotonic())
            time.sleep(0.01)
        if self._running is not None:
            self._kill(self._running, "it was still at work when the host stopped")

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
            self._broken = None
        except OSError as error:
            if self._broken != error.strerror:
                self._broken = error.strerror
                LOG.warn(f"{self.script} cannot be run: {error.strerror}; events are not told")

    def _look(self, script: subprocess.Popen[bytes], now: float) -> None:
        code = script.poll()
        if code is None and now < self._deadline:
            return
        if code is None:
            self._kill(script, f"it took longer than {LIMIT:g} s")
        elif code:
            LOG.warn(f"{self.script} ended with code {code}")
        self._running = None

    def _kill(self, script: subprocess.Popen[bytes], why: str) -> None:
        """End the script and all that it started."""
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()
        LOG.warn(f"{self.script} was ended: {why}")
