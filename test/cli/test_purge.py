"""Disconnecting clients: purge client, clients, observed."""

import pytest

from crs.errors import OperatorFault
from crs.names import Client
from crs.store.directory import Entry
from test.trust.updates.make import NOW

ALICE, BOB = Client("+46701111111", "acme"), Client("+46702222222", "acme")
ENTRY = Entry("p", "primary", "attach:0", "c.p", NOW, "5", "192.0.2.1", 1, "crs1")


def test_what_a_dead_worker_left_is_purged_too(operator, store, accounts):
    store.directory.register(ALICE, ENTRY, NOW)
    assert operator("purge client acme +46701111111").fields == {"account": "acme", "uri": ALICE.uri, "connections": 1}
    assert store.directory.lookup(ALICE) == []


def test_purge_clients_of_one_account(operator, store, accounts):
    other = Client(ALICE.uri, "beta")
    for client in (ALICE, BOB, other):
        store.directory.register(client, ENTRY, NOW)
    assert operator("purge clients acme --yes").fields == {"account": "acme", "clients": 2, "connections": 2}
    assert [client for client, _ in store.directory.attached()] == [other]
    with pytest.raises(OperatorFault, match="the clients of beta were not purged: there is no terminal to ask on"):
        operator("purge clients beta")
    assert len(list(store.directory.attached())) == 1


def test_purge_observed(operator, store, connected):
    assert operator("purge observed acme").text == "1 observed client of account acme purged"
    assert operator("purge observed acme").fields == {"account": "acme", "observed": 0}
