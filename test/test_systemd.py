"""Notifications to systemd: where they go, when the watchdog is due, and that a deaf systemd does no harm."""

import os
import socket

import pytest

from crs.systemd import Watchdog, notify

SECOND = 1_000_000  # in WATCHDOG_USEC


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path, monkeypatch):
    """The socket that systemd listens at."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@crs-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def heard(listening: socket.socket) -> bytes | None:
    try:
        return listening.recv(1000)
    except BlockingIOError:
        return None


def test_states_go_out_in_one_datagram(systemd):
    notify("READY=1", "STATUS=2 workers")
    assert heard(systemd) == b"READY=1\nSTATUS=2 workers"
    assert heard(systemd) is None


def test_nothing_happens_without_systemd(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_a_systemd_that_does_not_listen_or_read_does_no_harm(systemd, tmp_path, monkeypatch):
    for _ in range(10_000):  # more than a socket holds
        notify("STATUS=" + "x" * 1000)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


def test_the_watchdog_is_told_twice_in_its_time(systemd):
    watchdog = Watchdog({"WATCHDOG_USEC": str(10 * SECOND), "WATCHDOG_PID": str(os.getpid())})
    assert watchdog.interval == 5
    told = []
    for now in range(100, 120):
        watchdog.beat(now)
        if heard(systemd) == b"WATCHDOG=1":
            told.append(now)
    assert told == [100, 105, 110, 115]


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": str(10 * SECOND), "WATCHDOG_PID": "1"}]
)
def test_no_watchdog_is_told_where_none_is_asked_for_or_by_another_process(systemd, environ):
    watchdog = Watchdog(environ)
    watchdog.beat(100)
    assert watchdog.interval == 0 and heard(systemd) is None
