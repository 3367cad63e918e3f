"""Tasks that may fail for a while, as the store or the relay is down: they are tried again until they succeed."""

from collections.abc import Callable

import gevent

from .. import log
from ..errors import CrsError

PAUSE = 0.1  # seconds between two attempts at something that must be done before anything else


class Attempts:
    """Runs tasks by name. The first failure of a name in a row is logged, and its recovery."""

    def __init__(self, logger: log.Log):
        self._log = logger
        self._failing: set[str] = set()

    def once(self, name: str, task: Callable[[], object]) -> bool:
        """Run ``task``; returns whether it succeeded."""
        try:
            task()
        except Exception as error:
            if name not in self._failing:
                kind = "" if isinstance(error, CrsError) else f"{type(error).__name__}: "
                self._log.warn(f"{name}: {kind}{error}; trying again")
            self._failing.add(name)
            return False
        if name in self._failing:
            self._log.info(f"{name}: works again")
            self._failing.discard(name)
        return True

    def until_done(self, name: str, task: Callable[[], object]) -> None:
        """Run ``task`` until it has succeeded once."""
        while not self.once(name, task):
            gevent.sleep(PAUSE)

    def forever(self, name: str, task: Callable[[], object], pause: float) -> None:
        """Run ``task`` again and again, ``pause`` seconds between the end of a run and the next."""
        while True:
            self.once(name, task)
            gevent.sleep(pause)
