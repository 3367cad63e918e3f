"""The wall clock."""

import time

from crs.loop.clock import wall_clock


def test_it_tells_milliseconds_of_the_system_clock():
    before = time.time() * 1000
    now = wall_clock()
    assert before - 1 <= now <= time.time() * 1000 and isinstance(now, int)
