"""Actions on clients, from what the store says: lookup, purge, what they left, statistics."""

import pytest

from crs.errors import OperatorFault
from crs.names import Client
from crs.store.directory import Entry
from crs.store.objects import Info, PushTokens
from crs.store.statistics import COLUMNS
from crs.trust.update import Update
from test.trust.updates.make import NOW

ALICE, BOB = Client("+46701111111", "acme"), Client("+46702222222", "acme")


def entry(device: str, worker: str = "attach:0") -> Entry:
    return Entry(device, "primary", worker, f"c.{device}", NOW, "5", "192.0.2.1", 1, "crs1")


@pytest.fixture
def connected(accounts, store):
    """acme and beta connect each other; alice is listed in both, bob was seen in acme."""
    for account, other in (("acme", "beta"), ("beta", "acme")):
        store.accounts.put_update(
            Update(account, "202611", NOW, bytes(32), f"token of {account}", [other], {ALICE.uri: "x"}), NOW
        )
    store.objects.observe(BOB)


# --- lookup ---------------------------------------------------------------------------------------------------------


def test_lookup_finds_the_own_domain_first(operator, store, connected):
    store.directory.register(Client(ALICE.uri, "beta"), entry("p"), NOW)
    found = operator("lookup client beta +46701111111")
    assert (found.columns, found.details) == (("SOURCE", "URI", "DOMAIN"), ("attached",))
    assert found.rows == [("internal", ALICE.uri, "beta", True), ("internal", ALICE.uri, "acme", False)]
    assert operator("lookup client beta +46702222222").rows == [("internal", BOB.uri, "acme", False)]


def test_lookup_verbose_shows_tokens(operator, store, connected):
    store.objects.put_token(ALICE, "alices token", NOW)
    found = operator("lookup client acme +46701111111 -v")
    assert found.columns == ("SOURCE", "URI", "DOMAIN", "CLIENT TOKEN", "DOMAIN TOKEN")
    assert found.rows == [
        ("internal", ALICE.uri, "acme", "alices token", "token of acme", False),
        ("internal", ALICE.uri, "beta", None, "token of beta", False),
    ]


def test_lookup_says_that_other_pools_were_not_asked(operator, store, connected, capsys):
    store.operator.put_peer("192.0.2.7", "secret", "", NOW)
    operator("lookup client acme +46701111111")
    assert capsys.readouterr().err == (
        "crs-cli: warning: inter-working links are not connected in this release: other pools were not asked\n"
    )


# --- purge ----------------------------------------------------------------------------------------------------------


def test_what_a_dead_worker_left_is_purged_too(operator, store, accounts):
    store.directory.register(ALICE, entry("p"), NOW)
    assert operator("purge client acme +46701111111").fields == {"account": "acme", "uri": ALICE.uri, "connections": 1}
    assert store.directory.lookup(ALICE) == []


def test_purge_clients_of_one_account(operator, store, accounts):
    other = Client(ALICE.uri, "beta")
    for client in (ALICE, BOB, other):
        store.directory.register(client, entry("p"), NOW)
    assert operator("purge clients acme --yes").fields == {"account": "acme", "clients": 2, "connections": 2}
    assert [client for client, _ in store.directory.attached()] == [other]
    with pytest.raises(OperatorFault, match="the clients of beta were not purged: there is no terminal to ask on"):
        operator("purge clients beta")
    assert len(list(store.directory.attached())) == 1


def test_purge_observed(operator, store, connected):
    assert operator("purge observed acme").text == "1 observed client of account acme purged"
    assert operator("purge observed acme").fields == {"account": "acme", "observed": 0}


# --- what they left -------------------------------------------------------------------------------------------------


def test_client_info(operator, store, accounts):
    store.objects.put_info(BOB, Info(NOW, NOW + 2_340, None, "android", "14", "5.2"))
    store.objects.put_info(ALICE, Info(NOW, NOW - 61_000, NOW - 5, "iOS", "17", "5.1"))
    shown = operator("show client-info acme")
    assert shown.columns == ("Uri", "Timestamp", "Client Time", "Scan Time", "OS", "OS Version", "CCA Version")
    assert shown.rows == [
        (ALICE.uri, NOW, -61.0, NOW - 5, "iOS", "17", "5.1"),
        (BOB.uri, NOW, 2.3, None, "android", "14", "5.2"),
    ]
    operator("delete client-info acme +46701111111")
    assert [row[0] for row in operator("show client-info acme").rows] == [BOB.uri]


def test_push_tokens(operator, store, connected):
    assert operator("show push-token acme +46701111111").rows == []
    store.objects.put_push_tokens(ALICE, PushTokens("p", "primary", "ios", NOW - 9, NOW - 5_500, {"voip": "t"}))
    shown = operator("show push-token acme +46701111111")
    assert shown.columns == ("Created", "Saved", "Age", "Client-Type", "Tokens")
    assert shown.rows == [(NOW - 9, NOW - 5_500, 5, "ios", {"voip": "t"}, "p", "primary")]


def test_client_storage(operator, store, accounts):
    store.objects.put_blob(BOB, "b", "1", "å", NOW, 1000)
    store.objects.put_blob(ALICE, "z", "1", "value", NOW, 1000)
    store.objects.put_blob(ALICE, "a", "2", "", NOW + 1, 1000)
    shown = operator("show client-storage acme")
    assert shown.columns == ("Server", "Uri", "Bytes", "Last Updated", "Type")
    assert shown.rows == [
        ("crs1", ALICE.uri, 0, NOW + 1, "a"),
        ("crs1", ALICE.uri, 5, NOW, "z"),
        ("crs1", BOB.uri, 2, NOW, "b"),
    ]


# --- statistics -----------------------------------------------------------------------------------------------------


def test_statistics(operator, store, connected):
    store.statistics.count(BOB, "session-outgoing")
    store.statistics.count(BOB, "session-outgoing")
    shown = operator("stats export acme")
    assert (shown.columns, shown.tabs) == (COLUMNS, True)
    assert [row[:2] for row in shown.rows] == [(ALICE.uri, 0), (BOB.uri, 2)]
    assert all(len(row) == len(COLUMNS) for row in shown.rows)
    assert operator("stats clear acme").text == "statistics of 1 client of account acme cleared"
    assert [row[1] for row in operator("stats export acme").rows] == [0, 0]
