"""Accounts and monthly updates: what was loaded last stands, and what belongs to it goes with it."""

import msgspec
import pytest

from crs.names import Client
from crs.store import schema
from crs.store.accounts import Account
from crs.trust.update import Update
from test.store.conftest import ALICE, NOW

KEY = bytes(range(32))


@pytest.fixture
def accounts(store):
    return store.accounts


def update(month="202611", created=NOW, clients=None, account="acme"):
    return Update(
        account,
        month,
        created,
        KEY,
        "domain token",
        ["other"],
        clients if clients is not None else {ALICE.uri: "sealed for alice", "+46703333333": "å"},
    )


def test_accounts(accounts):
    assert accounts.all() == {}
    accounts.put("zeta", "s1", NOW, NOW)
    accounts.put("acme", "s2", NOW, NOW)
    accounts.put("acme", "s3", NOW, NOW + 1)
    assert accounts.get("acme") == Account("s3", NOW)
    assert accounts.get("none") is None
    assert list(accounts.all()) == ["acme", "zeta"]


def test_an_update_comes_back_whole(accounts):
    accounts.put_update(update(), NOW + 5)
    (held,) = accounts.updates()
    assert (
        held.account,
        held.month,
        held.created,
        held.month_key,
        held.domain_token,
        held.domains,
        held.applied,
        held.uris,
    ) == ("acme", "202611", NOW, KEY, "domain token", ["other"], NOW + 5, {ALICE.uri, "+46703333333"})
    assert accounts.update("acme", "202611") == held
    assert accounts.update("acme", "202612") is None
    assert accounts.crypto_updates("acme", "202611") == update().clients
    assert accounts.crypto_update(ALICE, "202611") == "sealed for alice"
    assert accounts.crypto_update(ALICE, "202612") is None
    assert accounts.crypto_update(Client(ALICE.uri, "other"), "202611") is None


def test_a_later_update_takes_the_place_with_all_it_had(accounts):
    accounts.put_update(update(), NOW)
    accounts.put_update(update(created=NOW + 1, clients={"+46704444444": "x"}), NOW)
    assert accounts.created() == {("acme", "202611"): NOW + 1}
    assert accounts.crypto_updates("acme", "202611") == {"+46704444444": "x"}


def test_a_large_update(accounts):
    clients = {f"+4670{number:07}": "x" * 20 for number in range(50_000)}
    accounts.put_update(update(clients=clients), NOW)
    assert accounts.update("acme", "202611").uris == set(clients)


def test_a_deleted_account_takes_its_updates_along_and_leaves_tombstones(store, accounts):
    accounts.put("acme", "s", NOW, NOW)
    accounts.put("other", "s", NOW, NOW)
    for account, month in (("acme", "202611"), ("acme", "202612"), ("other", "202611")):
        accounts.put_update(update(month, account=account), NOW)
    accounts.delete("acme", NOW)
    assert list(accounts.all()) == ["other"]
    assert list(accounts.created()) == [("other", "202611")]
    assert accounts.crypto_update(ALICE, "202612") is None
    stone = msgspec.json.decode(store.low.call("HGET", schema.records("account"), "acme"))
    assert (stone["d"], stone["v"], stone["h"]) == (True, None, "crs1")
