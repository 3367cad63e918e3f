"""The watchdog: what counts as a stall, and that a held loop is seen."""

import time

import gevent

from crs.loop.stall import PERIOD, Watchdog

from ..hosts import wait_for


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(*steps: float) -> Watchdog:
    clock = Clock()
    watchdog = Watchdog(clock)
    for step in steps:
        clock.now += step
        watchdog.tick()
    return watchdog


def test_a_timer_in_time_is_no_stall():
    assert watched(PERIOD, PERIOD, PERIOD).take() == 0.0


def test_the_longest_stall_is_told_once():
    watchdog = watched(PERIOD, PERIOD + 0.040, PERIOD + 0.007, PERIOD)
    assert watchdog.take() == 40.0
    assert watchdog.take() == 0.0


def test_an_early_turn_is_no_stall_and_hides_none():
    assert watched(PERIOD + 0.012, PERIOD / 2).take() == 12.0


def test_a_held_loop_is_seen():
    watchdog = Watchdog(time.monotonic)
    watchdog.begin()
    gevent.sleep(2 * PERIOD)
    watchdog.take()
    time.sleep(0.1)  # not gevent's: holds the loop
    seen = []
    wait_for(lambda: seen.append(watchdog.take()) or max(seen) >= 80, "the stall is seen", pause=PERIOD)
