"""What show and check print, from what the store, the relay and the supervisor say."""

import json
import os

import pytest

from crs.cli.output import Line, Utc
from crs.errors import OperatorFault, Unavailable
from crs.names import Client
from crs.relay.client import RelayClient
from crs.store.directory import Entry
from crs.store.items import Draft, Quota
from test.relay.running import RunningRelay
from test.trust.updates.make import NOW

ALICE = Client("+46701111111", "acme")
BOB = Client("+46702222222", "beta")


def entry(device: str, type: str, since: int, ip: str) -> Entry:
    return Entry(device, type, "attach:1", f"1.{device}", since, "5.0-test", ip, 40000, "crs1")


# --- clients --------------------------------------------------------------------------------------------------------


def test_show_attach(operator, store):
    store.directory.register(BOB, entry("phone", "primary", NOW - 12_999, "2001:db8::7"), NOW)
    store.directory.register(ALICE, entry("phone", "primary", NOW - 3_600_000, "192.0.2.1"), NOW)
    store.directory.register(ALICE, entry("tablet", "secondary", NOW + 5, "192.0.2.2"), NOW)
    table = operator("show attach")
    assert table.columns == ("URI", "ACCOUNT", "TIME", "VERSION", "IP:PORT", "CRS")
    assert table.rows == [
        ("+46701111111", "acme", 0, "5.0-test", "192.0.2.2:40000", "crs1", "secondary", "tablet", "attach:1"),
        ("+46701111111", "acme", 3600, "5.0-test", "192.0.2.1:40000", "crs1", "primary", "phone", "attach:1"),
        ("+46702222222", "beta", 12, "5.0-test", "[2001:db8::7]:40000", "crs1", "primary", "phone", "attach:1"),
    ]
    assert table.details == ("type", "device_id", "worker")


@pytest.fixture
def call(store):
    """Make a call that began so long ago (ms) and change it to ``fields``."""

    def make(name: str, ago: int, state: str, **fields):
        store.calls.create(
            name,
            {"caller": str(ALICE), "callee": str(BOB), "state": "invite", "host": "crs1"},
            NOW - ago,
            NOW + 60_000,
            60_000,
        )
        if state != "invite":
            store.calls.transition(
                name, {"invite"}, {"state": state, **fields}, None, NOW, None, 60_000 if "ended" in fields else None
            )

    return make


def test_show_session_in_every_state(operator, call):
    call("crs1.f", 60_000, "responder not connected", ended=NOW - 60_000)
    call("crs1.e", 70_000, "responder not found", ended=NOW - 70_000)
    call("crs1.d", 80_000, "hangup", ended=NOW - 10_000, reason="busy", who="callee")
    call("crs1.c", 90_500, "talk", answered=NOW - 80_000)
    call("crs1.b", 5_000, "ringing")
    call("crs1.a", 0, "invite")
    table = operator("show session")
    assert table.columns == ("CALLER", "CALLEE", "TIME", "STATE")
    assert [row[:4] for row in table.rows] == [
        (ALICE.uri, BOB.uri, 90, "talk"),
        (ALICE.uri, BOB.uri, 70, "hangup(busy, callee)"),
        (ALICE.uri, BOB.uri, 0, "responder not found"),
        (ALICE.uri, BOB.uri, 0, "responder not connected"),
        (ALICE.uri, BOB.uri, 5, "ringing"),
        (ALICE.uri, BOB.uri, 0, "invite"),
    ]
    assert table.details == ("session", "caller_account", "callee_account")
    assert table.rows[0][4:] == ("crs1.c", "acme", "beta")


def test_show_message_counts_posts_deliveries_and_looks(operator, store):
    for number in ("1", "2"):
        store.mailbox.post(Draft(BOB, ALICE, number, "content", NOW + 60_000, "sealed"), NOW, Quota(10, 1000))
        store.mailbox.posted(ALICE)
    store.mailbox.fetch(BOB, "primary", 0, 10, NOW + 1000)
    store.mailbox.post(Draft(ALICE, BOB, "1", "ack", NOW + 60_000), NOW, Quota(10, 1000))
    table = operator("show message")
    assert table.columns == ("URI", "POST", "DELIV", "READ", "ACCOUNT")
    assert table.rows == [(ALICE.uri, 2, 1, None, "acme"), (BOB.uri, 0, 0, NOW + 1000, "beta")]
    assert isinstance(table.rows[1][3], Utc)


def test_show_message_of_a_number_in_two_accounts(operator, store):
    twin = Client(ALICE.uri, "beta")
    store.mailbox.fetch(ALICE, "primary", 0, 10, NOW)
    store.mailbox.post(Draft(twin, BOB, "1", "ack", NOW + 60_000), NOW, Quota(10, 1000))
    assert operator("show message").rows == [(ALICE.uri, 0, 0, NOW, "acme"), (ALICE.uri, 0, 1, None, "beta")]


@pytest.mark.parametrize(
    "words", ["show attach", "show session", "show message", "show account", "show updates", "list account"]
)
def test_a_host_without_clients(operator, words):
    assert operator(words).rows == []


# --- the host -------------------------------------------------------------------------------------------------------


@pytest.fixture
def supervised(home):
    """Say which processes there are, as the supervisor does; all of them are this one."""

    def write(*processes):
        home.processes.write_text(json.dumps([{"pid": os.getpid(), **process} for process in processes]))

    return write


def test_show_system(operator, home, supervised):
    home.local_conf.write_text("crsname crs1\nattach-workers 3\n")
    supervised(
        {"process": "redis_low"},
        {"process": "app:attach", "index": 0},
        {"process": "app:attach", "index": 2},
        {"process": "crs_relay", "pid": 2**22 + 1},
    )
    home.started_with.mkdir()
    for path in (home.conf, home.local_conf, home.relay_conf):
        (home.started_with / path.name).write_text(path.read_text())
    home.local_conf.write_text("crsname crs1\nattach-workers 2\n")  # what counts is what the host runs by
    pid = os.getpid()
    table = operator("show system")
    assert table.columns == ("SERVER", "PROCESS", "PID", "SLOTS")
    assert table.rows == [
        ("crs1", "redis_low", pid, None),
        ("crs1", "app:attach", pid, "0-5631"),
        ("crs1", "app:attach", pid, "11008-16383"),
    ]


@pytest.mark.parametrize("processes", [(), ({"process": "redis_low", "pid": 2**22 + 1},)])
def test_show_system_of_a_host_that_is_not_running(operator, home, supervised, processes):
    if processes:
        supervised(*processes)
    with pytest.raises(OperatorFault) as caught:
        operator("show system")
    assert str(caught.value) == f"the host is not running; start it: crsd --home {home}"


def test_show_version(operator):
    assert operator("show version") == Line("5.0.0", {"version": "5.0.0"})


@pytest.mark.parametrize(
    ("uri", "slot"), [("+46701234567", 1296), ("'tel:+46 70 123 45 67'", 1296), ("urn:x-crs:client:desk", 9738)]
)
def test_check_slot(operator, uri, slot):
    assert operator(f"check slot {uri}").text == str(slot)


# --- the relay ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def relay():
    with RunningRelay() as relay:
        yield relay


def test_show_relay(operator, home, relay):
    home.relay_sock.symlink_to(relay.path)
    sections = operator("show relay").fields
    for kind in ("RTP", "RTP_PROXY", "OPAQUE", "OPAQUE_PROXY", "OPAQUE_MULTICAST"):
        assert list(sections[kind])[:4] == ["rx", "rxBytes", "tx", "txBytes"]
    assert list(sections["Sent"]) == ["packets", "bytes", "errorNoDest", "error"]
    assert list(sections["Received"]) == ["packets", "bytes", "errorTooShort", "errorTooLong"]


def test_show_relays(operator, home, relay):
    home.relay_sock.symlink_to(relay.path)
    commander = RelayClient(relay.path, "test")
    commander.add(
        "crs1.call/0",
        "RTP",
        [{"ufrag": "aaaa", "pwd": "a" * 22}, {"ufrag": "bbbb", "pwd": "b" * 22}],
        ["crs1.call", str(ALICE), str(BOB)],
    )
    table = operator("show relays")
    commander.close()
    assert table.columns == ("TYPE", "NODES", "LAST ACTIVE", "IDENTIFIERS")
    ((kind, nodes, last_active, identifiers, conversation),) = table.rows
    assert (kind, nodes, identifiers, conversation) == ("RTP", 0, ["crs1.call", str(ALICE), str(BOB)], "crs1.call/0")
    assert isinstance(last_active, Utc)


def test_show_relay_while_there_is_none(operator):
    with pytest.raises(Unavailable, match="the relay does not answer"):
        operator("show relay")
