"""The list of processes that a supervisor keeps for other programs."""

import json
import os
import stat
import subprocess
import sys

import pytest

from crs.errors import OperatorFault
from crs.home import running
from crs.home.paths import Home
from crs.home.running import Running

OWN = os.getpid()


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "crs")
    home.prepare()
    return home


def test_what_was_written_is_read(home):
    processes = [Running("redis_low", OWN), Running("app:attach", OWN, 0), Running("app:attach", OWN, 1)]
    running.write(home, processes)
    assert running.read(home) == processes
    assert [process.name for process in processes] == ["redis_low", "app:attach:0", "app:attach:1"]
    assert stat.S_IMODE(home.processes.stat().st_mode) == 0o644
    assert json.loads(home.processes.read_text())[:2] == [
        {"process": "redis_low", "pid": OWN},
        {"process": "app:attach", "index": 0, "pid": OWN},
    ]


def test_what_has_ended_is_left_out(home):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running.write(home, [Running("crs_relay", ended.pid), Running("redis_high", OWN)])
    assert running.read(home) == [Running("redis_high", OWN)]


@pytest.mark.parametrize("text", [None, "", "[{"])
def test_no_list_is_no_process(home, text):
    if text is not None:
        home.processes.write_text(text)
    assert running.read(home) == []


def test_a_list_that_cannot_be_written_is_told(home):
    home.run.rmdir()
    with pytest.raises(OperatorFault, match="cannot write .*processes.json: No such file or directory"):
        running.write(home, [])
