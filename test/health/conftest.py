"""A running host with one account, for the tests of this folder."""

import pytest

from test.hosts import Domain, running


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("host")) as running_host:
        yield running_host


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", ["+46701111111", "+46702222222"])
