"""A leg: what its fast paths are told, and when it was last heard."""

from types import SimpleNamespace

import pytest

from crs.relay.leg import SILENT, Kind, RelayLeg, Traffic

HOME, CAFE = ("192.0.2.1", 1000), ("198.51.100.2", 2000)
ENDPOINT = SimpleNamespace(address=("192.0.2.9", 146), fds=(0,), sendto=None)


class Path:
    """A fast path that notes what it is told."""

    def __init__(self):
        self.told = []
        self.time = 0

    def __getattr__(self, verb):
        return lambda leg: self.told.append((verb, leg.address))

    def heard(self, leg):
        return self.time


@pytest.fixture
def paths():
    return [Path(), Path()]


@pytest.fixture
def leg(paths):
    return RelayLeg("ufrag", "password", Kind.RTP, Traffic(), 5, paths)


def test_every_path_is_told_each_change_after_it(paths, leg):
    leg.link(())
    leg.bind(HOME, ENDPOINT)
    leg.bind(CAFE, ENDPOINT)
    leg.unbind()
    leg.leave()
    told = [("enter", None), ("link", None), ("bind", HOME), ("bind", CAFE), ("unbind", None), ("leave", None)]
    assert [path.told for path in paths] == [told, told]


def test_a_refresh_is_told_to_no_path(paths, leg):
    leg.bind(HOME, ENDPOINT)
    leg.bind(HOME, ENDPOINT)
    assert [verb for verb, _ in paths[0].told] == ["enter", "bind"]


def test_a_leg_was_heard_when_any_path_heard_it(paths, leg):
    leg.bind(HOME, ENDPOINT)
    assert leg.last_heard() == 5
    paths[1].time = 2_000
    assert leg.last_heard() == 2_000
    assert not leg.silent(2_000 + SILENT - 1) and leg.silent(2_000 + SILENT)
    leg.heard = 3_000
    assert leg.last_heard() == 3_000


def test_a_leg_that_is_not_bound_is_silent(leg):
    assert leg.silent(5)
    leg.bind(HOME, ENDPOINT)
    assert not leg.silent(5) and leg.way == (None, HOME)
    leg.unbind()
    assert leg.silent(5) and leg.way is None


def test_traffic_adds_up():
    total, more = Traffic(), Traffic()
    total.rx, more.rx, more.failed = 1, 2, 3
    total.add(more)
    assert (total.rx, total.failed, total.tx) == (3, 3, 0)
