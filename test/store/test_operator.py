"""What the operator decides: what is put is found, what is deleted is gone, with all that depends on it."""

import pytest

from crs.names import Client
from crs.store.operator import STATISTICS, UPDATE_NOTIFICATION, Admin, Blocked, Peer
from test.store.conftest import ALICE, BOB, NOW

DESK = Client("urn:x-crs:client:desk.1", "beta")


@pytest.fixture
def operator(store):
    return store.operator


def test_blacklist(operator):
    operator.block(ALICE, NOW)
    operator.block(DESK, NOW + 1)
    operator.block(ALICE, NOW + 2)
    assert operator.blocked() == {ALICE: Blocked(NOW + 2), DESK: Blocked(NOW + 1)}
    operator.unblock(ALICE, NOW + 3)
    operator.unblock(BOB, NOW + 3)
    assert operator.blocked() == {DESK: Blocked(NOW + 1)}


def test_peers(operator):
    operator.put_peer("2001:db8::7", "s1", "", NOW)
    operator.put_peer("192.0.2.7", "s2", "a comment", NOW)
    assert operator.peers() == {"192.0.2.7": Peer("s2", "a comment"), "2001:db8::7": Peer("s1", "")}
    operator.delete_peer("192.0.2.7", NOW)
    assert list(operator.peers()) == ["2001:db8::7"]


def test_access_of_admins(operator):
    for name in ("ann", "ben"):
        operator.put_admin(name, f"secret of {name}", NOW)
        operator.put_access(name, "acme", NOW)
    operator.put_access("ann", "beta", NOW)
    operator.put_authorization("ann", "acme", "update", NOW)
    operator.put_authorization("ann", "acme", "statistics", NOW)
    assert operator.admins() == {"ann": Admin("secret of ann", NOW), "ben": Admin("secret of ben", NOW)}
    assert operator.access() == {"ann": {"acme": {"update", "statistics"}, "beta": set()}, "ben": {"acme": set()}}
    operator.delete_authorization("ann", "acme", "update", NOW)
    assert operator.access()["ann"] == {"acme": {"statistics"}, "beta": set()}


def test_what_was_taken_away_does_not_come_back_with_what_it_depended_on(operator):
    operator.put_admin("ann", "secret", NOW)
    operator.put_access("ann", "acme", NOW)
    operator.put_authorization("ann", "acme", "update", NOW)
    operator.delete_access("ann", "acme", NOW)
    assert operator.access() == {"ann": {}}
    operator.put_access("ann", "acme", NOW)
    assert operator.access() == {"ann": {"acme": set()}}
    operator.put_authorization("ann", "acme", "update", NOW)
    operator.delete_admin("ann", NOW)
    assert (operator.admins(), operator.access()) == ({}, {})
    operator.put_admin("ann", "another", NOW)
    assert operator.access() == {"ann": {}}


def test_an_authorization_without_access_allows_nothing(operator):
    """The records of another host may come in any order."""
    operator.put_authorization("ann", "acme", "update", NOW)
    operator.put_access("ben", "acme", NOW)
    operator.put_admin("ann", "secret", NOW)
    assert operator.access() == {"ann": {}}


def test_rooms(operator):
    operator.put_room("700001", DESK, NOW)
    operator.put_room("123456", ALICE, NOW)
    operator.put_room("123456", BOB, NOW)
    assert operator.rooms() == [("123456", ALICE), ("123456", BOB), ("700001", DESK)]
    operator.delete_room("123456", ALICE, NOW)
    assert operator.rooms() == [("123456", BOB), ("700001", DESK)]


def test_switches_are_off_until_switched_on(operator):
    assert operator.switched_on(STATISTICS) == set()
    operator.switch("acme", STATISTICS, True, NOW)
    operator.switch("beta", UPDATE_NOTIFICATION, True, NOW)
    assert (operator.switched_on(STATISTICS), operator.switched_on(UPDATE_NOTIFICATION)) == ({"acme"}, {"beta"})
    operator.switch("acme", STATISTICS, False, NOW)
    assert operator.switched_on(STATISTICS) == set()


def test_with_an_account_goes_all_that_belongs_to_it(operator):
    operator.put_admin("acme", "an admin of the same name", NOW)
    operator.put_peer("192.0.2.7", "secret", "", NOW)
    for account in ("acme", "beta"):
        operator.block(Client(ALICE.uri, account), NOW)
        operator.put_access("acme", account, NOW)
        operator.put_authorization("acme", account, "update", NOW)
        operator.put_room("123456", Client(ALICE.uri, account), NOW)
        operator.switch(account, STATISTICS, True, NOW)
    operator.forget_account("acme", NOW)
    there = Client(ALICE.uri, "beta")
    assert list(operator.blocked()) == [there] and operator.rooms() == [("123456", there)]
    assert operator.access() == {"acme": {"beta": {"update"}}}
    assert operator.switched_on(STATISTICS) == {"beta"} and list(operator.peers()) == ["192.0.2.7"]


def test_every_change_moves_the_version_that_workers_compare(store, operator):
    before = store.operator.version()
    operator.block(ALICE, NOW)
    operator.unblock(ALICE, NOW)
    operator.switch("acme", STATISTICS, True, NOW)
    assert store.operator.version() == before + 3
