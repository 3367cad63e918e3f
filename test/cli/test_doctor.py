"""show services, check and identify against a real host (manual, chapter 5.4)."""

import re
import signal

import pytest

from test.hosts import Domain, Host, wait_for
from test.raw import RawClient

ALICE = "+46701111111"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("d"))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def domain(host):
    host.start()
    return Domain(host, "acme", [ALICE])


def services(host) -> dict[str, str]:
    rows = host.rows("show", "services")
    assert {row["server"] for row in rows} == {"crs1"}
    return {row["service"]: row["status"] for row in rows}


def test_services_of_a_host_that_is_down(host):
    assert services(host) == dict.fromkeys(("crs", "crs_relay", "redis_high", "redis_low", "redis_backup"), "inactive")
    assert host.cli("show", "services").splitlines()[:2] == ["Server\tService\tStatus", "crs1\tcrs\tinactive"]


def test_services_of_a_host_that_runs(host, domain):
    active = {
        "crs": "active",
        "crs_relay": "active",
        "redis_high": "active",
        "redis_low": "active",
        "redis_backup": "inactive",
    }
    wait_for(lambda: services(host) == active, "all services are active")
    host.kill("redis_high", signal.SIGSTOP)
    try:
        assert services(host) == {**active, "redis_high": "inactive"}
    finally:
        host.kill("redis_high", signal.SIGCONT)
    wait_for(lambda: services(host) == active, "redis_high is active again")


def test_check_tells_of_the_running_host(host, domain):
    rows = host.rows("check")
    facts = [row["finding"] for row in rows if row["status"] == "in use"]
    assert [row for row in rows if row["status"] == "fault"] == []
    for pattern in (
        r"redis_high: version \d+\.\d+\.\d+, append-only file, fsync no",
        r"redis_low: version \d+\.\d+\.\d+, append-only file, fsync always",
        r"TLS callbacks: (extern|closure)",
        r"relay forwards in: (C, [1-4] loops?|Python, 1 loop)",
        r"crs\.conf: digest [0-9a-f]{16}, .*",
        r"limits: ulimit -n \d+, somaxconn \d+, rmem_max \d+",
    ):
        assert any(re.fullmatch(pattern, fact) for fact in facts), pattern
    told = host.crsd("--check", "--home", host.home)
    assert told.returncode == 0 and all(fact in told.stdout for fact in facts)


def test_check_tells_what_is_weak_stale_or_broken(host, domain):
    host.cli("add", "iw-crs", "192.0.2.9", "abcdefghijkl")
    with open(host.home / "crs.conf", "a") as file:
        file.write("# edited\n")
    notes = [row["finding"] for row in host.rows("check") if row["status"] == "note"]
    assert (
        "iw-crs 192.0.2.9: its shared secret has less than 128 bits (about 72); "
        "crs-cli create sharedSecret makes a good one" in notes
    )
    assert "crs.conf was changed since the host was started; restart the host to have it effective" in notes
    host.kill("redis_low", signal.SIGSTOP)
    try:
        done = host.run("crs-cli", "check")
    finally:
        host.kill("redis_low", signal.SIGCONT)
    assert done.returncode == 1 and re.search(r"^fault\tredis_low is not running or does not answer", done.stdout, re.M)


def test_the_log_has_a_tag_that_identify_tells(host, domain):
    client = RawClient(host.address, domain.month(ALICE))
    client.register("phone")
    host.cli("blacklist", "add", "acme", ALICE)
    assert client.notification("unregistered")["reason"] == "blacklisted"
    client.close()
    line = wait_for(
        lambda: next(
            (
                line
                for line in (host.home / "log" / "crs.log").read_text().splitlines()
                if line.endswith("@acme unregistered: blacklisted")
            ),
            None,
        ),
        "the log tells of it",
    )
    tag = re.search(r"id-\d{6}-[a-z2-7]+@acme", line)[0]
    assert host.cli("identify", tag) == f"{ALICE}\n"
    assert ALICE not in (host.home / "log" / "crs.log").read_text()
    done = host.run("crs-cli", "identify", "id-202611-aaaaaaaa")
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "crs-cli: id-202611-aaaaaaaa is no tag of this host, or not complete; "
            "the key that made it is in the backups of that time"
        ],
    )
