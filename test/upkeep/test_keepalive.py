"""Keep-alive: only the silent are asked, and only those who do not answer are closed."""

import time
from types import SimpleNamespace

import gevent
import mock
import pytest

from crs.loop.timers import Timers
from crs.service.connection import Connections
from crs.upkeep.keepalive import KeepAlive

INTERVAL, GRACE = 60_000, 10_000


@pytest.fixture
def worker():
    return SimpleNamespace(
        name="attach:0",
        conf=SimpleNamespace(keep_alive_for=lambda ip, client: ("ws", INTERVAL, GRACE)),
        timers=mock.create_autospec(Timers, instance=True),
        connections=Connections("0.b"),
        events=mock.Mock(),
    )


@pytest.fixture
def connection(worker):
    opened = worker.connections.open("192.0.2.1", 1)
    opened.transport = mock.Mock(last_heard=time.monotonic())
    KeepAlive(worker).watch(opened, mock.Mock())
    return opened


def timed(worker) -> float:
    """Do what the last timer was set for; returns after which time (ms)."""
    delay, action, *arguments = worker.timers.after.call_args.args
    action(*arguments)
    return delay


def test_who_spoke_is_looked_at_again_later(worker, connection):
    connection.transport.last_heard -= 20
    assert timed(worker) == INTERVAL
    connection.transport.ping.assert_not_called()
    assert 39_000 < worker.timers.after.call_args.args[0] <= 40_000


def test_who_answers_stays(worker, connection):
    connection.transport.last_heard -= 61
    timed(worker)
    connection.transport.ping.assert_called_once_with()
    connection.transport.last_heard = time.monotonic()
    assert timed(worker) == GRACE
    gevent.sleep(0)
    connection.transport.close.assert_not_called()


def test_who_does_not_answer_is_closed(worker, connection):
    connection.transport.last_heard -= 61
    timed(worker)
    timed(worker)
    gevent.sleep(0)
    connection.transport.close.assert_called_once_with(1001, "keep-alive: no answer to ping")


def test_a_connection_that_ended_is_left_alone(worker, connection):
    worker.connections.forget(connection)
    timed(worker)
    assert worker.timers.after.call_count == 1


def test_tcp_leaves_it_to_the_kernel(worker):
    worker.conf.keep_alive_for = lambda ip, client: ("tcp", INTERVAL, GRACE)
    sock = mock.Mock()
    KeepAlive(worker).watch(worker.connections.open("192.0.2.1", 1), sock)
    assert [call.args[2] for call in sock.setsockopt.call_args_list] == [1, 60, 6]
    worker.timers.after.assert_not_called()
