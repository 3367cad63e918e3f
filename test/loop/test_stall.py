"""The stall watch: what counts as a stall, and that a held loop is seen."""

import itertools
import time

import gevent
import mock

from crs.loop.stall import PERIOD, StallWatch

from ..hosts import wait_for


def watched(*steps: float) -> StallWatch:
    """A watch that was called at these intervals, in seconds."""
    watch = StallWatch(mock.Mock(side_effect=itertools.accumulate(steps, initial=100.0)))
    for _ in steps:
        watch.tick()
    return watch


def test_a_timer_in_time_is_no_stall():
    assert watched(PERIOD, PERIOD, PERIOD).take() == 0.0


def test_the_longest_stall_is_told_once():
    watch = watched(PERIOD, PERIOD + 0.040, PERIOD + 0.007, PERIOD)
    assert watch.take() == 40.0
    assert watch.take() == 0.0


def test_an_early_turn_is_no_stall_and_hides_none():
    assert watched(PERIOD + 0.012, PERIOD / 2).take() == 12.0


def test_a_held_loop_is_seen():
    watch = StallWatch(time.monotonic)
    watch.begin()
    gevent.sleep(2 * PERIOD)
    watch.take()
    time.sleep(0.1)  # not gevent's: holds the loop
    seen = []
    wait_for(lambda: seen.append(watch.take()) or max(seen) >= 80, "the stall is seen", pause=PERIOD)
