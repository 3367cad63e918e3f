"""A host with one domain for tests that break parts of it and put them back."""

import pytest
import redis

from ..hosts import Domain, running

URIS = [f"+46700000{number:03d}" for number in range(20)]


@pytest.fixture
def host(tmp_path):
    with running(tmp_path) as running_host:
        yield running_host


@pytest.fixture
def domain(host) -> Domain:
    return Domain(host, "acme", URIS)


def store(host, name: str) -> redis.Redis:
    """One of the stores of a host, by redis-py, which knows nothing of our code."""
    return redis.Redis(unix_socket_path=str(host.home / "run" / f"{name}.sock"), decode_responses=True)


@pytest.fixture
def low(host):
    with store(host, "redis_low") as client:
        yield client


@pytest.fixture
def high(host):
    with store(host, "redis_high") as client:
        yield client
