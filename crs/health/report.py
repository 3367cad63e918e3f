"""The tests of a health check: each with its result and what it found, and the worst of them."""

from collections.abc import Callable
from typing import NamedTuple

from ..errors import CrsError

OK, WARNING, ERROR = "ok", "warning", "error"
EXIT_CODES = {OK: 0, ERROR: 1, WARNING: 3}  # manual, chapter 5, health-check


class HealthDoubt(CrsError):
    """Raised by a test: the service works, but somebody should look. The text is the test's description."""


class HealthFault(CrsError):
    """Raised by a test: something does not work. The text is the test's description."""


class HealthTest(NamedTuple):
    test: str
    result: str
    description: str


class HealthReport:
    """Collects tests in the order in which they are made."""

    def __init__(self) -> None:
        self.tests: list[HealthTest] = []

    @property
    def result(self) -> str:
        """The worst of all results."""
        found = {test.result for test in self.tests}
        return next((result for result in (ERROR, WARNING) if result in found), OK)

    def add(self, name: str, result: str, description: str) -> None:
        self.tests.append(HealthTest(name, result, description))

    def try_(self, name: str, check: Callable[[], str]) -> bool:
        """Make one test: ``check()`` gives its description, or raises. Returns whether it was not an error."""
        try:
            self.add(name, OK, check())
        except HealthDoubt as doubt:
            self.add(name, WARNING, str(doubt))
        except (CrsError, OSError) as error:
            self.add(name, ERROR, str(error) or type(error).__name__)
            return False
        return True

    def chain(self, steps: dict[str, Callable[[], str]], because: str | None = None) -> bool:
        """Make tests that build upon each other: after an error the rest is not tried. ``because`` names a test that
        failed before, so that none of these is. Returns whether all were made without an error."""
        for name, check in steps.items():
            if because is not None:
                self.add(name, ERROR, f"not tried, as {because} failed")
            elif not self.try_(name, check):
                because = name
        return because is None
