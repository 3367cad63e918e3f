"""Blocked clients: show blacklist, blacklist add and remove."""

from crs.cli.output import Utc
from crs.names import Client
from crs.trust.update import Update
from test.trust.updates.make import NOW

ALICE = Client("+46701111111", "acme")


def test_blacklist(operator, store, seen):
    added = operator("blacklist add acme tel:+46-701-111-111")
    assert (added.text, added.fields) == (
        "+46701111111 of acme is blacklisted",
        {"account": "acme", "uri": ALICE.uri, "blacklisted": True},
    )
    assert list(store.operator.blocked()) == [ALICE]
    table = operator("show blacklist acme")
    assert (table.columns, table.rows, table.details) == (("URI",), [(ALICE.uri, NOW)], ("since",))
    assert isinstance(table.rows[0][1], Utc)
    assert operator("show blacklist beta").rows == []
    assert operator.refuses("blacklist add acme +46701111111") == "+46701111111 of acme is blacklisted already"
    assert operator("blacklist remove acme +46701111111").text == "+46701111111 of acme is not blacklisted any more"
    assert operator("show blacklist acme").rows == []


def test_a_number_that_nobody_has_seen_is_blacklisted_with_a_yes(operator, store, accounts):
    operator("blacklist add acme +46709999999 --yes")
    assert list(store.operator.blocked()) == [Client("+46709999999", "acme")]


def test_a_listed_number_needs_no_yes(operator, store, accounts):
    store.accounts.put_update(Update("acme", "202611", NOW, bytes(32), "t", [], {"+46705555555": "x"}), NOW)
    operator("blacklist add acme +46705555555")
    assert list(store.operator.blocked()) == [Client("+46705555555", "acme")]
