"""Waiting in tests: for a condition, with a bound that only a failure reaches."""

import gevent

PATIENCE = 20  # seconds


def wait_until(condition) -> None:
    with gevent.Timeout(PATIENCE, AssertionError(f"not within {PATIENCE} s")):
        while not condition():
            gevent.sleep(0.005)


def flows(*streams) -> None:
    """Wait until media comes in at each of these streams."""
    before = [media.report().received for media in streams]
    wait_until(lambda: all(media.report().received > count + 25 for media, count in zip(streams, before, strict=True)))
