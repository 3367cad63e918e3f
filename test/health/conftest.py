"""A running host with one account, for the tests of this folder."""

import time

import pytest

from crs.trust import months as calendar
from test.hosts import Domain, running


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("host")) as running_host:
        yield running_host


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", ["+46701111111", "+46702222222"], months=this_and_next())


def this_and_next() -> list[str]:
    """The months whose updates are here where nothing is to be said of them, whatever day it is."""
    month = calendar.of(time.time_ns() // 1_000_000)
    return [month, calendar.after(month)]
