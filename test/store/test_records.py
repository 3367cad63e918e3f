"""The operator's typed records: what is put is found, what is deleted is gone, with all that hangs on it."""

import pytest

from crs.names import Client
from crs.store.records import STATISTICS, UPDATE_NOTIFICATION, Admin, Blocked, Peer
from test.store.conftest import ALICE, BOB, NOW

DESK = Client("urn:x-crs:client:desk.1", "beta")


@pytest.fixture
def records(store):
    return store.records


def test_blacklist(records):
    records.block(ALICE, NOW)
    records.block(DESK, NOW + 1)
    records.block(ALICE, NOW + 2)
    assert records.blocked() == {ALICE: Blocked(NOW + 2), DESK: Blocked(NOW + 1)}
    records.unblock(ALICE, NOW + 3)
    records.unblock(BOB, NOW + 3)
    assert records.blocked() == {DESK: Blocked(NOW + 1)}


def test_peers(records):
    records.put_peer("2001:db8::7", "s1", "", NOW)
    records.put_peer("192.0.2.7", "s2", "a comment", NOW)
    assert records.peers() == {"192.0.2.7": Peer("s2", "a comment"), "2001:db8::7": Peer("s1", "")}
    records.delete_peer("192.0.2.7", NOW)
    assert list(records.peers()) == ["2001:db8::7"]


def test_access_of_admins(records):
    for name in ("ann", "ben"):
        records.put_admin(name, f"secret of {name}", NOW)
        records.put_access(name, "acme", NOW)
    records.put_access("ann", "beta", NOW)
    records.put_authorization("ann", "acme", "update", NOW)
    records.put_authorization("ann", "acme", "statistics", NOW)
    assert records.admins() == {"ann": Admin("secret of ann", NOW), "ben": Admin("secret of ben", NOW)}
    assert records.access() == {"ann": {"acme": {"update", "statistics"}, "beta": set()}, "ben": {"acme": set()}}
    records.delete_authorization("ann", "acme", "update", NOW)
    assert records.access()["ann"] == {"acme": {"statistics"}, "beta": set()}


def test_what_was_taken_away_does_not_come_back_with_what_it_hung_on(records):
    records.put_admin("ann", "secret", NOW)
    records.put_access("ann", "acme", NOW)
    records.put_authorization("ann", "acme", "update", NOW)
    records.delete_access("ann", "acme", NOW)
    assert records.access() == {"ann": {}}
    records.put_access("ann", "acme", NOW)
    assert records.access() == {"ann": {"acme": set()}}
    records.put_authorization("ann", "acme", "update", NOW)
    records.delete_admin("ann", NOW)
    assert (records.admins(), records.access()) == ({}, {})
    records.put_admin("ann", "another", NOW)
    assert records.access() == {"ann": {}}


def test_an_authorization_without_access_allows_nothing(records):
    """The records of another host may come in any order."""
    records.put_authorization("ann", "acme", "update", NOW)
    records.put_access("ben", "acme", NOW)
    records.put_admin("ann", "secret", NOW)
    assert records.access() == {"ann": {}}


def test_rooms(records):
    records.put_room("700001", DESK, NOW)
    records.put_room("123456", ALICE, NOW)
    records.put_room("123456", BOB, NOW)
    assert records.rooms() == [("123456", ALICE), ("123456", BOB), ("700001", DESK)]
    records.delete_room("123456", ALICE, NOW)
    assert records.rooms() == [("123456", BOB), ("700001", DESK)]


def test_switches_are_off_until_switched_on(records):
    assert records.switched_on(STATISTICS) == set()
    records.switch("acme", STATISTICS, True, NOW)
    records.switch("beta", UPDATE_NOTIFICATION, True, NOW)
    assert (records.switched_on(STATISTICS), records.switched_on(UPDATE_NOTIFICATION)) == ({"acme"}, {"beta"})
    records.switch("acme", STATISTICS, False, NOW)
    assert records.switched_on(STATISTICS) == set()


def test_with_an_account_goes_all_that_belongs_to_it(records):
    records.put_admin("acme", "an admin of the same name", NOW)
    records.put_peer("192.0.2.7", "secret", "", NOW)
    for account in ("acme", "beta"):
        records.block(Client(ALICE.uri, account), NOW)
        records.put_access("acme", account, NOW)
        records.put_authorization("acme", account, "update", NOW)
        records.put_room("123456", Client(ALICE.uri, account), NOW)
        records.switch(account, STATISTICS, True, NOW)
    records.forget_account("acme", NOW)
    there = Client(ALICE.uri, "beta")
    assert list(records.blocked()) == [there] and records.rooms() == [("123456", there)]
    assert records.access() == {"acme": {"beta": {"update"}}}
    assert records.switched_on(STATISTICS) == {"beta"} and list(records.peers()) == ["192.0.2.7"]


def test_every_change_moves_the_version_that_workers_compare(store, records):
    before = store.accounts.version()
    records.block(ALICE, NOW)
    records.unblock(ALICE, NOW)
    records.switch("acme", STATISTICS, True, NOW)
    assert store.accounts.version() == before + 3
