"""One running host with three domains, shared by all dialogues (each uses numbers of its own, or leaves no calls)."""

import pytest

from crs.trust import identity

from ..hosts import Domain, running

NUMBERS = [f"+4670{dialogue}00000{number}" for dialogue in range(10) for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("host")) as running_host:
        yield running_host


@pytest.fixture(scope="module")
def domains(host) -> dict[str, Domain]:
    """acme and beta connect each other; acme names gamma, which does not name acme. Admins: ann may do all for acme,
    and has access to beta without authorization; eve has no access at all."""
    domains = {
        domain.account: domain
        for domain in (
            Domain(host, "acme", NUMBERS, ("beta", "gamma")),
            Domain(host, "beta", ["+46800000001"], ("acme",)),
            Domain(host, "gamma", ["+46900000001"]),
        )
    }
    host.admins = {}
    for name in ("ann", "eve"):
        secret = host.rows("create", "admin", name)[0]["secret"]
        host.admins[name] = (f"a.{name}", identity.admin_key(secret))
    for words in (
        ("admin-account", "ann", "acme"),
        ("admin-account", "ann", "beta"),
        ("admin-account-authorization", "ann", "acme", "update"),
        ("admin-account-authorization", "ann", "acme", "statistics"),
    ):
        host.cli("add", *words)
    return domains
