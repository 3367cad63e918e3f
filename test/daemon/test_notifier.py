"""The operator's script: each event once and in order, and a script that hangs or fails stops nobody."""

import time
from pathlib import Path

import pytest

from crs import log
from crs.daemon import notifier
from crs.daemon.notifier import Notifier

PATIENCE = 30  # seconds


@pytest.fixture
def own_log(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(log, "_FILE", log._File())
    log.setup(tmp_path / "log", "crsd")
    return tmp_path / "log"


def script(tmp_path: Path, text: str) -> Notifier:
    path = tmp_path / "notify.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Notifier(path)


def test_events_are_told_in_order(tmp_path):
    telling = script(tmp_path, f'echo "$1 $2" >> {tmp_path}/told')
    for number in range(5):
        telling.tell("app:attach:0", f"event {number}")
    assert telling.busy
    telling.finish(PATIENCE)
    assert not telling.busy
    assert (tmp_path / "told").read_text().splitlines() == [f"app:attach:0 event {number}" for number in range(5)]


def test_a_script_that_hangs_is_ended_with_all_that_it_started(tmp_path, own_log):
    telling = script(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid\nwait")
    telling.tell("crs", "start")
    telling.step(0.0)
    deadline = time.monotonic() + PATIENCE
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    telling.step(notifier.LIMIT - 0.1)
    assert telling.busy
    telling.step(notifier.LIMIT)
    assert not telling.busy
    assert own_log.read_text().endswith("notify.sh was ended: it took longer than 10 s\n")
    status = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_that_is_at_work_when_the_host_stops_is_ended(tmp_path, own_log):
    telling = script(tmp_path, "exec sleep 600")
    telling.tell("crs", "stopped")
    telling.finish(0.1)
    assert own_log.read_text().endswith("notify.sh was ended: it was still at work when the host stopped\n")


def test_an_exit_code_is_logged(tmp_path, own_log):
    telling = script(tmp_path, "exit 7")
    telling.tell("crs", "start")
    telling.finish(PATIENCE)
    assert own_log.read_text().endswith("notify.sh ended with code 7\n")


def test_a_missing_script_is_logged_once(tmp_path, own_log):
    telling = Notifier(tmp_path / "none.sh")
    for number in range(3):
        telling.tell("crs", str(number))
        telling.step(0.0)
    assert not telling.busy
    assert own_log.read_text().count("cannot be run: No such file or directory; events are not told") == 1


def test_the_oldest_of_too_many_events_are_dropped(tmp_path, own_log):
    telling = Notifier(tmp_path / "notify.sh")
    for number in range(notifier.WAITING + 2):
        telling.tell("crs", str(number))
    assert [line.partition("] ")[2] for line in own_log.read_text().splitlines()] == [
        f"{tmp_path}/notify.sh is too slow, not told: crs: {number}" for number in (0, 1)
    ]
