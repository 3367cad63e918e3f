"""health-check against a real host: what it says, what it leaves behind, what it says of a host that is not well."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from crs.home.paths import Home
from crs.names import Client
from crs.store import Store, schema
from crs.store.items import Draft, Quota
from test.hosts import ROOT, Domain, running, wait_for

SYSTEM = [
    "process redis_high",
    "process redis_low",
    "process attach:0",
    "process attach:1",
    "redis_high",
    "redis_low",
    "worker attach:0",
    "worker attach:1",
    "relay",
    "port",
    "disk",
    "durability",
    "inter-working links",
    "pool links",
    "message ledger",
]
ACCOUNT = [
    "update of this month",
    "update of the next month",
    "account loaded",
    "attach test-1",
    "attach test-2",
    "call",
    "accept",
    "media",
    "hang up",
    "message post",
    "message fetch",
    "message acknowledge",
    "clean up",
]


def check(host, *arguments, code=0) -> str:
    done = host.run("crs-cli", "health-check", *arguments)
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


def results(host, *arguments, code=0) -> dict[str, str]:
    """By test: its result."""
    return {test["test"]: test["result"] for test in json.loads(check(host, *arguments, code=code))["tests"]}


def keys(host) -> dict[str, list]:
    """What is in both databases, as to the keys that a client could leave: names, and the members of due lists. What
    was counted for the metrics stays counted."""
    store = Store.direct(Home(host.home), "crs1")
    found = {}
    for redis in (store.high, store.low):
        for key in set(redis.call("KEYS", "*")) - {schema.figures().encode()}:
            kind = redis.call("TYPE", key)
            members = {b"zset": ("ZRANGE", key, 0, -1), b"set": ("SMEMBERS", key), b"hash": ("HKEYS", key)}.get(kind)
            found[f"{redis.name}: {key.decode()}"] = sorted(redis.call(*members)) if members else []
    store.close()
    return found


def started(host, domain):
    """Both workers have loaded the account, and have said so, and have compared their ledgers."""
    wait_for(lambda: len(host.rows("show", "account")) == 2, "both workers have the account")
    store = Store.direct(Home(host.home), "crs1")
    wait_for(lambda: domain.account in store.conservation.sheets(time.time_ns() // 1_000_000), "ledgers compared")
    store.close()


@pytest.fixture(autouse=True)
def _started(host, domain):
    started(host, domain)


def test_system_tests_have_names_results_and_descriptions(host):
    told = json.loads(check(host, "system"))
    assert told["result"] == "ok"
    assert [test["test"] for test in told["tests"]] == SYSTEM
    assert all(set(test) == {"test", "result", "description"} and test["description"] for test in told["tests"])


def test_account_is_well_and_nothing_stays(host, domain):
    before = keys(host)
    told = json.loads(check(host, "account", "acme"))
    assert [test["test"] for test in told["tests"]] == ACCOUNT
    assert told["result"] == "ok", told
    described = {test["test"]: test["description"] for test in told["tests"]}
    assert "urn:x-crs:client:test-1-" in described["attach test-1"]
    assert "25 and 25 of 25 packets" in described["media"]
    wait_for(lambda: keys(host) == before, "nothing is left")
    assert host.rows("show", "relays") == [] and host.rows("show", "attach") == []


def test_formats(host):
    assert check(host, "account", "acme", "--local-only", "--output-format", "summary") == "ok\n"
    lines = check(host, "system", "--output-format", "tsv").splitlines()
    assert lines[0] == "TEST\tRESULT\tDESCRIPTION"
    assert [line.split("\t")[0] for line in lines[1:]] == SYSTEM and all(line.count("\t") == 2 for line in lines)
    assert json.loads(check(host, "system", "--json")).keys() == {"result", "tests"}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("account", "nobody"), 1, "crs-cli: there is no account nobody; crs-cli list account shows which there are\n"),
        (("account", "a+b"), 2, "crs-cli: account id 'a+b' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'\n"),
        (
            ("system", "--output-format", "xml"),
            2,
            "crs-cli: --output-format format 'xml' is not known; one of: summary, json, tsv\n",
        ),
    ],
)
def test_wrong_arguments(host, arguments, code, text):
    done = host.run("crs-cli", "health-check", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", text)


def test_an_account_without_an_update(host):
    host.cli("create", "account", "empty")
    found = results(host, "account", "empty", code=1)
    assert found["update of this month"] == found["attach test-1"] == found["message post"] == "error"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_killed_check_leaves_is_erased(host, domain, number):
    before = keys(host)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "bin" / "crs-cli"), "health-check", "account", "acme"],
        env=host.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: any(row["state"] == "talk" for row in host.rows("show", "session")), "test clients talk")
        os.kill(process.pid, number)
        assert process.wait(10) != 0
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: keys(host) == before, "nothing is left")
    wait_for(lambda: host.rows("show", "relays") == [], "no relay is left")


def test_a_host_that_is_down_is_told(tmp_path):
    with running(tmp_path) as host:
        Domain(host, "acme", ["+46701111111"])
    found = results(host, "system", code=1)
    assert found["process redis_low"] == found["redis_high"] == found["relay"] == found["port"] == "error"


def test_warnings_and_what_is_broken(tmp_path):
    with running(tmp_path) as host:
        started(host, Domain(host, "acme", ["+46701111111"]))
        host.cli("add", "iw-crs", "192.0.2.1", "0123456789abcdef0123456789abcdef")
        assert results(host, "system", code=3)["inter-working links"] == "warning"
        assert check(host, "system", "--output-format", "summary", code=3) == "warning\n"
        os.kill(host.pids()["crs_relay"], signal.SIGSTOP)
        found = results(host, "system", code=1)
        assert found["relay"] == "error" and found["redis_low"] == "ok"
        assert results(host, "account", "acme", code=1)["call"] == "error"
        os.kill(host.pids()["crs_relay"], signal.SIGCONT)


def test_a_lost_message_is_a_warning_with_the_account(tmp_path):
    with running(tmp_path) as host:
        started(host, Domain(host, "acme", ["+46701111111"]))
        store, now = Store.direct(Home(host.home), "crs1"), time.time_ns() // 1_000_000
        alice, bob = Client("+46701111111", "acme"), Client("+46702222222", "acme")
        draft = Draft(bob, alice, "1", "content", now + 3_600_000, "body")
        store.mailbox.post(draft, now, Quota(10, 10_000))
        store.low.call("HDEL", schema.mail(bob), draft.ref)
        host.cli("create", "account", "other")  # the books are compared at once when the accounts change
        wait_for(lambda: store.conservation.sheets(now)["acme"].difference, "the difference is found")
        store.close()
        tests = json.loads(check(host, "system", code=3))["tests"]
        found = next(test for test in tests if test["test"] == "message ledger")
        assert found["result"] == "warning" and found["description"].endswith(": acme (+1)")
        log = (host.home / "log" / "crs.log").read_text()
        (warned,) = [line for line in log.splitlines() if "ledger of account" in line]
        assert "| WARN |" in warned and warned.endswith("ledger of account acme: 1 messages are lost")


def test_formats_are_completed(host):
    assert host.run("crs-cli", "--complete", "crs-cli health-check system --output-format s").stdout == "summary\n"
