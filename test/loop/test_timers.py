"""The queue of deadlines: order, and nothing is lost when a sooner one comes."""

import time

import gevent
import pytest
from gevent.event import Event

from crs.loop.timers import Timers


@pytest.fixture
def timers():
    queue = Timers(time.monotonic)
    runner = gevent.spawn(queue.run)
    yield queue
    runner.kill()


def test_actions_run_in_the_order_of_their_deadlines(timers):
    ran, done = [], Event()
    timers.after(60_000, ran.append, "never")
    timers.after(40, lambda: (ran.append("later"), done.set()))
    timers.after(20, ran.append, "sooner")
    assert done.wait(5)
    assert ran == ["sooner", "later"]


def test_a_failing_action_does_not_end_the_others(timers):
    done = Event()
    timers.after(0, lambda: 1 / 0)
    timers.after(1, done.set)
    assert done.wait(5)
