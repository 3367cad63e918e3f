"""A host with one domain for tests that break parts of it and put them back."""

import pytest

from ..hosts import Domain, running

URIS = [f"+46700000{number:03d}" for number in range(20)]


@pytest.fixture
def host(tmp_path):
    with running(tmp_path) as running_host:
        yield running_host


@pytest.fixture
def domain(host) -> Domain:
    return Domain(host, "acme", URIS)
