"""show attach, session and message, from what the store holds."""

import pytest

from crs.cli.output import Utc
from crs.names import Client
from crs.store.directory import Entry
from crs.store.items import Draft, Quota
from test.trust.updates.make import NOW

ALICE = Client("+46701111111", "acme")
BOB = Client("+46702222222", "beta")


def entry(device: str, type: str, since: int, ip: str) -> Entry:
    return Entry(device, type, "attach:1", f"1.{device}", since, "5.0-test", ip, 40000, "crs1")


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
