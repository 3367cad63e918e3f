"""For all tests: their order, which are unit tests, and settings. Fixtures stand in the folder that uses them."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

# Who starts this in the background may have SIGINT ignored, and what we start would inherit that: ctrl-c is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Properties are tried on machines of any speed: no example is failed for its time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

HERE = Path(__file__).parent
# Each worker of `make test` takes file after file: none should be left alone with one of these at the end.
LONGEST = (
    "health/test_health.py",
    "demo/test_tour.py",
    "faults/test_kill.py",
    "cli/transcripts/test_transcripts.py",
    "client/test_script.py",
    "directives/test_metrics.py",
    "daemon/test_restore.py",
    "relay/test_fast_fuzz.py",
    "faults/test_upkeep.py",
    "faults/test_trust.py",
    "daemon/test_supervisor.py",
)
# What starts processes of a host. A Redis of its own, as test/servers.py starts it, is none.
STARTERS = {
    "test.hosts.Host",
    "test.hosts.running",
    "test.relay.running.RunningRelay",
    "test.relay.wire.at_clients",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the canary, which looks at what all others left behind, last. What is no unit test is
    marked ``processes``."""
    items.sort(key=lambda item: _turn(item.path.relative_to(HERE).as_posix()))
    for item in items:
        if isinstance(item, pytest.Function) and any(map(_starts_processes, _scopes(item))):
            item.add_marker("processes")


def _turn(file: str) -> int:
    return LONGEST.index(file) if file in LONGEST else len(LONGEST) + (file == "test_canary.py")


def _scopes(item: pytest.Function) -> list[dict]:
    """The globals of a test and of its fixtures."""
    fixtures = [fixture for known in item._fixtureinfo.name2fixturedefs.values() for fixture in known]
    functions = [item.function, *(fixture.func for fixture in fixtures)]
    return list({id(scope): scope for scope in (function.__globals__ for function in functions)}.values())


def _starts_processes(scope: dict) -> bool:
    names = {f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}" for value in scope.values()}
    return subprocess in scope.values() or not names.isdisjoint(STARTERS)


@pytest.fixture
def unmeasured(monkeypatch):
    """For tests of what a process imports: under ``make coverage`` it would be coverage and gevent, too."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the canary, which runs in one of the workers, that this one has nothing more to do."""
    if name := os.environ.get("PYTEST_XDIST_WORKER"):
        all_workers = Path(session.config.getoption("basetemp")).parent
        (all_workers / f"{name}.done").touch()
