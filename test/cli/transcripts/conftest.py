"""A running host for each transcript, with three accounts and their clients."""

import pytest

from test.hosts import Domain, running

NUMBERS = ["+46701111111", "+46702222222", "+46703333333"]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("host"), directives="session-keep 600") as running_host:
        yield running_host


@pytest.fixture(scope="module")
def domains(host) -> dict[str, Domain]:
    """acme and beta connect each other; gamma is alone."""
    return {
        domain.account: domain
        for domain in (
            Domain(host, "acme", NUMBERS, ("beta",)),
            Domain(host, "beta", ["+46800000001"], ("acme",)),
            Domain(host, "gamma", ["+46900000001"]),
        )
    }
