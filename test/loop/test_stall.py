"""The stall watch: what counts as a stall, and that a held loop is seen."""

import time

import gevent

from crs.loop.stall import PERIOD, StallWatch

from ..hosts import wait_for


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(*steps: float) -> StallWatch:
    clock = Clock()
    watch = StallWatch(clock)
    for step in steps:
        clock.now += step
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
