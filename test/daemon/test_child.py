"""A process of a host over several lives: ready, ended, started again. The clock stands still unless it is moved."""

import os
import signal
import sys
import time

import pytest

from crs.daemon.child import BackOff, Module, Redis
from crs.daemon.processes import ATTACH, SERVERS
from crs.home.paths import Home

PATIENCE = 30  # seconds
READY = "import os, sys; os.write(int(sys.argv[sys.argv.index('--ready-fd') + 1]), b'ready\\n'); "


@pytest.fixture
def lifeline():
    """The end that a module inherits; the other one is closed at the end of the test."""
    theirs, ours = os.pipe()
    yield theirs
    os.close(theirs)
    os.close(ours)


@pytest.fixture
def lock(tmp_path):
    descriptor = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def module(tmp_path, program: str, index: int = 1) -> Module:
    return Module(ATTACH, Home(tmp_path), [sys.executable, "-c", program], index)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


def test_it_is_ready_when_it_says_so_and_ends_once(tmp_path, lifeline, lock):
    child = module(tmp_path, READY + "sys.stdin.read(); sys.exit(3)")
    assert (child.name, child.log, child.alive) == ("app:attach:1", tmp_path / "log" / "crs.log", False)
    child.start(0.0, lifeline, lock)
    assert child.alive and child.pid
    until(lambda: child.look_ready(1.0))
    assert child.ready and not child.look_ready(1.0)
    assert until(lambda: child.reap(5.0)) == "ended with code 3"
    assert (child.ready, child.pid, child.reap(5.0), child.start_at) == (False, None, None, 5.0)


def test_one_that_never_becomes_ready_waits_longer_each_time(tmp_path, lifeline, lock):
    child, pauses = module(tmp_path, ""), []
    for _ in range(3):
        child.start(0.0, lifeline, lock)
        until(lambda: child.reap(10.0))
        assert not child.look_ready(10.0)
        pauses.append(child.start_at - 10.0)
    assert pauses == [0.0, 0.25, 0.5]


NAMELESS = signal.SIGRTMIN + 1


@pytest.mark.parametrize(
    ("number", "told"),
    [(signal.SIGKILL, "killed by SIGKILL"), (NAMELESS, f"killed by signal {NAMELESS}")],
)
def test_a_signal_is_named(tmp_path, lifeline, lock, number, told):
    child = module(tmp_path, "import signal; signal.pause()")
    child.start(0.0, lifeline, lock)
    child.send(number)
    assert until(lambda: child.reap(0.0)) == told
    child.send(number)  # to a process that is gone: nothing


def test_descriptors_are_not_lost_over_many_lives(tmp_path, lifeline, lock):
    child = module(tmp_path, "")
    child.start(0.0, lifeline, lock)
    until(lambda: child.reap(0.0))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        child.start(0.0, lifeline, lock)
        until(lambda: child.reap(0.0))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_program_that_is_not_there(tmp_path, lifeline, lock):
    child = Redis(SERVERS[0], Home(tmp_path), str(tmp_path / "none"), tmp_path / "settings")
    with pytest.raises(FileNotFoundError):
        child.start(0.0, lifeline, lock)
    child.failed(1.0)
    child.failed(1.0)
    assert not child.alive and child.start_at == 1.25


def test_back_off():
    """At once, then doubling to ten seconds; work done makes the next end the first one again."""
    back_off = BackOff()
    assert [back_off.after(0.0) for _ in range(9)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert [back_off.after(BackOff.SOUND), back_off.after(0.1)] == [0.0, 0.25]
    assert max(back_off.after(0.0) for _ in range(5000)) == 10.0
