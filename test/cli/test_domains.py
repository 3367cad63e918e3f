"""Which domains an account reaches, by the updates that the store holds."""

import pytest

from crs.cli import domains
from crs.cli.host import LocalHost
from crs.trust.update import Update
from test.trust.updates.make import NOW


@pytest.fixture
def host(home) -> LocalHost:
    return LocalHost(str(home), now=lambda: NOW)


def put(store, account: str, connects: list[str]) -> None:
    store.accounts.put(account, "secret", NOW, NOW)
    store.accounts.put_update(Update(account, "202611", NOW, bytes(32), "token", connects, {}), NOW)


def test_both_must_connect_each_other(store, host):
    put(store, "acme", ["gamma", "beta", "nowhere"])
    put(store, "beta", ["acme"])
    put(store, "gamma", ["acme"])
    put(store, "delta", ["acme"])
    view = domains.view(host)
    assert domains.reached(view, "acme") == ["acme", "gamma", "beta"]
    assert domains.reached(view, "beta") == ["beta", "acme"]
    assert domains.reached(view, "delta") == ["delta"]


def test_a_deleted_account_is_not_reached(store, host):
    put(store, "acme", ["beta"])
    put(store, "beta", ["acme"])
    store.accounts.delete("beta", NOW)
    assert domains.reached(domains.view(host), "acme") == ["acme"]
