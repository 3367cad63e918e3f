"""What a module reports to its supervisor, and how it notices that the supervisor is gone."""

import os
import socket
import threading

from crs.config.settings import Config
from crs.home.paths import Home
from crs.modules.start import READY, Start

PATIENCE = 30  # seconds


def start(tmp_path, **descriptors: int) -> Start:
    home = Home(tmp_path)
    return Start(home, Config(home, []), "attach", **descriptors)


def test_the_supervisor_is_told_once(tmp_path):
    ours, theirs = os.pipe()
    module = start(tmp_path, ready_fd=theirs)
    module.ready()
    assert os.read(ours, 100) == READY and os.read(ours, 100) == b""  # the pipe is closed
    os.close(ours)
    module.ready()


def test_a_supervisor_that_is_gone_is_no_fault(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    start(tmp_path, ready_fd=theirs).ready()


def test_without_a_supervisor_systemd_is_told(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        start(tmp_path).ready()
        assert systemd.recv(100) == b"READY=1"


def test_the_end_of_the_lifeline_is_noticed(tmp_path):
    theirs, ours = os.pipe()
    ended = threading.Event()
    watching = threading.Thread(
        target=start(tmp_path, lifeline_fd=theirs).watch_lifeline, args=(ended.set,), daemon=True
    )
    watching.start()
    assert not ended.is_set()
    os.close(ours)
    assert ended.wait(PATIENCE)
    watching.join(PATIENCE)
    os.close(theirs)


def test_without_a_lifeline_nothing_ends(tmp_path):
    start(tmp_path).watch_lifeline(lambda: 1 / 0)
