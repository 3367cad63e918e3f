"""The directive log-identities: whether clients' names may stand in crs.log."""

import pytest

from ..hosts import Domain, running, wait_for
from ..raw import RawClient
from . import number, shows


@shows("log-identities")
@pytest.mark.parametrize(
    ("directives", "named"), [("log-identities yes", True), ("log-identities no", False), ("", False)]
)
def test_names_stand_in_the_log_only_where_they_may(tmp_path, directives, named):
    with running(tmp_path, directives=directives) as host:
        domain = Domain(host, "acme", [number(0)])
        client = RawClient(host.address, domain.month(number(0)))
        client.register("phone")
        host.cli("blacklist", "add", "acme", number(0))
        client.notification("unregistered")
        client.close()
        log = host.home / "log" / "crs.log"
        wait_for(lambda: "@acme unregistered: blacklisted" in log.read_text(), "the log tells of it")
    assert (number(0) in log.read_text()) is named
    assert (host.home / "data" / "log-key").exists() is not named
