"""Accounts: which months are good, whose key is found, who may reach whom."""

import datetime

import pytest

from crs.errors import DomainNotConnected, InvalidParams, NotFound
from crs.names import Client
from crs.service.accounts import Accounts, Month
from crs.service.rules import Rules
from crs.store.operator import Admin
from crs.trust import identity

KEY = bytes(range(32))
ALICE = Client("+46700000001", "acme")


def at(day: str) -> int:
    return int(datetime.datetime.fromisoformat(day + "T12:00:00+00:00").timestamp() * 1000)


def month(uris=(), domains=(), key=KEY):
    return Month(1, key, "token", domains, uris)


def view(months, day="2026-11-22"):
    accounts = Accounts(7, lambda: at(day))
    accounts.load(1, months)
    return accounts


def nobody(clients):
    return [False] * len(clients)


@pytest.mark.parametrize(
    "day, good",
    [
        ("2026-11-22", {"202611", "202612"}),
        ("2026-12-03", {"202611", "202612", "202701"}),
        ("2027-01-07", {"202612", "202701", "202702"}),
        ("2027-01-09", {"202701", "202702"}),
    ],
)
def test_the_months_that_are_good(day, good):
    accounts = view({}, day)
    asked = {"202610", "202611", "202612", "202701", "202702", "202703"}
    assert {month for month in asked if accounts.is_valid(month)} == good


def test_keys_follow_the_identity_and_the_month():
    accounts = view({"acme": {"202611": month(), "202601": month()}})
    good = identity.client_identity("acme", "202611", ALICE.uri, KEY)
    assert accounts.find_key(good.encode()) == identity.psk(KEY, good)
    assert accounts.client_of(good) == (ALICE, "202611")
    for bad in (
        identity.client_identity("acme", "202601", ALICE.uri, KEY),  # long over
        identity.client_identity("acme", "202612", ALICE.uri, KEY),  # not loaded
        identity.client_identity("other", "202611", ALICE.uri, KEY),
        "c.acme",
        "x",
        "c.acme.202611.!",
    ):
        assert accounts.find_key(bad.encode()) is None
    assert accounts.find_key(b"\xff") is None


def test_an_identity_sealed_with_another_key_names_nobody():
    accounts = view({"acme": {"202611": month()}})
    assert accounts.client_of(identity.client_identity("acme", "202611", ALICE.uri, bytes(32))) is None


def test_own_account_first_then_connected_domains_in_order():
    accounts = view(
        {
            "acme": {"202611": month({"+4670"}, ("beta", "delta"))},
            "beta": {"202611": month({"+4671"}, ("acme",))},
            "delta": {"202611": month({"+4670", "+4671", "+4672"}, ("acme",))},
        }
    )
    assert accounts.resolve(ALICE, "+46 70", None, nobody).account == "acme"
    assert accounts.resolve(ALICE, "+4671", None, nobody).account == "beta"
    assert accounts.resolve(ALICE, "+4672", None, nobody).account == "delta"
    assert accounts.resolve(ALICE, "+4671", "delta", nobody).account == "delta"


def test_a_domain_is_connected_only_if_it_connects_back():
    accounts = view({"acme": {"202611": month((), ("beta", "none"))}, "beta": {"202611": month({"+4671"}, ())}})
    assert accounts.connected("acme") == []
    with pytest.raises(DomainNotConnected):
        accounts.resolve(ALICE, "+4671", "beta", nobody)
    with pytest.raises(NotFound):
        accounts.resolve(ALICE, "+4671", None, nobody)


def test_an_observed_client_is_found_though_not_listed():
    accounts = view({"acme": {"202611": month()}})
    assert accounts.resolve(ALICE, "+4675", None, lambda clients: [True]) == Client("+4675", "acme")
    with pytest.raises(NotFound):
        accounts.resolve(ALICE, "+4675", None, nobody)


def test_a_bad_uri_is_told():
    with pytest.raises(InvalidParams, match="such as"):
        view({}).resolve(ALICE, "4670", None, nobody)


def test_the_current_month_rules_before_the_one_in_grace_and_the_next():
    accounts = view(
        {"acme": {"202611": month((), ("old",)), "202612": month((), ("now",)), "202701": month((), ("next",))}},
        "2026-12-03",
    )
    assert accounts.newest("acme").domains == ("now",)
    months = {month: held for month, held in accounts.months["acme"].items() if month != "202612"}
    accounts.load(2, {"acme": months})
    assert accounts.newest("acme").domains == ("old",)


# --- rules ----------------------------------------------------------------------------------------------------------

ROOMS = Rules(
    rooms={
        ("100200", "beta"): Client("+46800000001", "beta"),
        ("100200", "acme"): ALICE,
        ("300400", "gamma"): Client("+46900000001", "gamma"),
    },
    admins={"ann": Admin("AAECAwQFBgcICQoLDA0ODw==", 1), "old": Admin("not base64", 2)},
    access={"ann": {"acme": frozenset({"update"})}},
    blocked=frozenset({Client("+46700000002", "acme")}),
)


@pytest.fixture
def ruled():
    accounts = view({})
    accounts.load(
        2,
        {
            "acme": {"202611": month(domains=("beta", "gamma"))},
            "beta": {"202611": month(domains=("acme",))},
            "gamma": {"202611": month()},
        },
        ROOMS,
    )
    return accounts


def test_rooms_are_found_in_the_own_account_first_then_where_domains_are_connected(ruled):
    assert [owner.account for owner in ruled.rooms(ALICE, "100200", None)] == ["acme", "beta"]
    assert [owner.account for owner in ruled.rooms(ALICE, "100200", "beta")] == ["beta"]
    assert ruled.rooms(ALICE, "300400", None) == [] == ruled.rooms(ALICE, "100201", None)
    with pytest.raises(DomainNotConnected):
        ruled.rooms(ALICE, "300400", "gamma")


def test_who_may_be_in_a_room(ruled):
    assert ruled.may_join(ALICE, "100200", "beta")
    assert not ruled.may_join(ALICE, "300400", "gamma")
    assert not ruled.may_join(Client("+46700000002", "acme"), "100200", "acme")  # blacklisted
    assert not ruled.may_join(ALICE, "100201", "acme")


def test_the_key_of_an_admin_is_its_secret(ruled):
    assert ruled.find_key(b"a.ann") == bytes(range(16))
    assert ruled.find_key(b"a.old") == b"not base64"
    for unknown in (b"a.eve", b"a.", b"a.ann.x", b"b.ann", b"a.a b"):
        assert ruled.find_key(unknown) is None
    assert ruled.admin_of("a.ann") == "ann" and ruled.client_of("a.ann") is None


def test_what_an_admin_may_do(ruled):
    assert ruled.rules.may("ann", "acme", "update")
    for refused in (("ann", "acme", "statistics"), ("ann", "beta", "update"), ("old", "acme", "update")):
        assert not ruled.rules.may(*refused)
