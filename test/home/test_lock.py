"""The lock of a home: one host at a time, and the wait for processes that a dead supervisor left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crs.errors import OperatorFault
from crs.home import lock
from crs.home.paths import Home

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def test_one_host_at_a_time(home):
    assert not lock.running(home)
    held = lock.take(home, print)
    program = "import sys; from crs.home import lock, paths; lock.take(paths.Home(sys.argv[1]), print)"
    second = subprocess.run([sys.executable, "-c", program, home.root], cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 1
    assert f"a host runs in {home} already, process {os.getpid()}; stop it first" in second.stderr
    assert lock.running(home)
    os.close(held)
    assert not lock.running(home)


def test_processes_that_were_left_are_waited_for(home):
    """A child has inherited the descriptor; the record lock went with its supervisor."""
    held = lock.take(home, print)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,)) as left:
        os.close(held)
        said = []
        with pytest.raises(OperatorFault, match="processes of an earlier start still run after 0.1 s; end those"):
            lock.take(home, said.append, wait=0.1)
        assert said == [f"waiting for the processes of an earlier start in {home} to end"]
        left.communicate(b"\n")
    os.close(lock.take(home, said.append))
    assert len(said) == 1


def test_a_home_is_kept_down(home):
    with lock.kept_down(home) as down:
        assert down and lock.running(home)
    held = lock.take(home, print)
    with lock.kept_down(home) as down:
        assert not down
    os.close(held)


def test_a_home_that_never_ran_is_down(tmp_path):
    home = Home(tmp_path / "nothing")
    assert not lock.running(home)
    with lock.kept_down(home) as down:
        assert down
