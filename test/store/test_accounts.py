"""The operator's records: the last writer wins, what is deleted stays deleted, workers see that something changed."""

import gevent
import msgspec
import pytest

from crs.names import Client
from crs.store import Store, schema
from crs.store.accounts import Account
from crs.store.direct import Direct
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
    assert accounts.accounts() == {}
    accounts.put_account("zeta", "s1", NOW, NOW)
    accounts.put_account("acme", "s2", NOW, NOW)
    accounts.put_account("acme", "s3", NOW, NOW + 1)
    assert accounts.account("acme") == Account("s3", NOW)
    assert accounts.account("none") is None
    assert list(accounts.accounts()) == ["acme", "zeta"]


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
    accounts.put_account("acme", "s", NOW, NOW)
    accounts.put_account("other", "s", NOW, NOW)
    for account, month in (("acme", "202611"), ("acme", "202612"), ("other", "202611")):
        accounts.put_update(update(month, account=account), NOW)
    accounts.delete_account("acme", NOW)
    assert list(accounts.accounts()) == ["other"]
    assert list(accounts.created()) == [("other", "202611")]
    assert accounts.crypto_update(ALICE, "202612") is None
    stone = msgspec.json.decode(store.low.call("HGET", schema.records("account"), "acme"))
    assert (stone["d"], stone["v"], stone["h"]) == (True, None, "crs1")


def test_every_stamp_is_later_than_all_before_it_whatever_the_clock_says(store, accounts):
    stamps = []
    for now in (NOW, NOW, NOW - 5000, NOW + 5000):
        accounts.put("account", "acme", {"n": now}, now)
        stamps.append(msgspec.json.decode(store.low.call("HGET", schema.records("account"), "acme"))["t"])
    assert stamps == [NOW, NOW + 1, NOW + 2, NOW + 5000]


def test_every_change_moves_the_version_and_hints_the_workers(store, accounts):
    heard = []
    subscriber = store.subscriber("attach:0", lambda: None)

    def listen():
        for channel, message in subscriber:
            heard.append((channel, message))

    gevent.spawn(listen)
    assert subscriber.ready.wait(10)
    assert accounts.version() == 0
    assert accounts.put_account("acme", "s", NOW, NOW) == 1
    assert accounts.delete("account", "acme", NOW) == 2
    assert accounts.version() == 2
    with gevent.Timeout(10):
        while len(heard) < 2:
            gevent.sleep(0.005)
    assert heard == [("reload", b'*\n["records"]\n')] * 2


def test_a_value_is_stored_as_it_is(accounts):
    value = {"text": 'quote " back \\ line\n å', "big": 2**53 + 1, "none": None, "list": []}
    accounts.put("account", "odd", value, NOW)
    assert accounts.get("account", "odd") == value
    assert accounts.all("account") == {"odd": value}


def test_the_change_stands_where_the_hint_is_lost(store, accounts, tmp_path):
    deaf = Store(Direct(tmp_path / "nobody.sock", "high", {}), store.low, "crs1")
    assert deaf.accounts.put_account("acme", "s", NOW, NOW) == 1
    assert accounts.account("acme") == Account("s", NOW)
