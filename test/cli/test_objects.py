"""The operator's objects from the command line: blacklist, peers, admins, rooms, switches."""

import io
import sys

import pytest

from crs.cli.output import Utc
from crs.errors import OperatorFault
from crs.names import Client
from crs.store.operator import STATISTICS, UPDATE_NOTIFICATION
from test.trust.updates.make import NOW

ALICE = Client("+46701111111", "acme")
PEER_SECRET = "c2VjcmV0b2Z0aGVwZWVyY3Jz"
SECRET = "AAECAwQFBgcICQoLDA0ODw=="  # the bytes 0 to 15


@pytest.fixture
def seen(accounts, store):
    """Alice was seen in acme."""
    store.objects.observe(ALICE)


def fault(operator, line: str) -> str:
    with pytest.raises(OperatorFault) as caught:
        operator(line)
    return str(caught.value)


# --- blacklist ------------------------------------------------------------------------------------------------------


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
    assert fault(operator, "blacklist add acme +46701111111") == "+46701111111 of acme is blacklisted already"
    assert operator("blacklist remove acme +46701111111").text == "+46701111111 of acme is not blacklisted any more"
    assert operator("show blacklist acme").rows == []


def test_a_number_that_nobody_has_seen_is_blacklisted_with_a_yes(operator, store, accounts):
    operator("blacklist add acme +46709999999 --yes")
    assert list(store.operator.blocked()) == [Client("+46709999999", "acme")]


def test_a_listed_number_needs_no_yes(operator, store, accounts):
    from crs.trust.update import Update

    store.accounts.put_update(Update("acme", "202611", NOW, bytes(32), "t", [], {"+46705555555": "x"}), NOW)
    operator("blacklist add acme +46705555555")
    assert list(store.operator.blocked()) == [Client("+46705555555", "acme")]


# --- inter-working --------------------------------------------------------------------------------------------------


def test_iw_crs(operator, capsys):
    columns = ("IP", "shared secret", "comment")
    added = operator(f"add iw-crs 192.0.2.7 {PEER_SECRET} -c 'the other side'")
    assert (added.columns, added.rows) == (columns, [("192.0.2.7", PEER_SECRET, "the other side")])
    operator(f"add iw-crs 2001:DB8:0::7 {PEER_SECRET}")
    assert operator("list iw-crs").rows == [
        ("192.0.2.7", PEER_SECRET, "the other side"),
        ("2001:db8::7", PEER_SECRET, ""),
    ]
    assert capsys.readouterr().err == ""
    table = operator("show iw-crs")
    assert table.columns == (
        "IW-CRS",
        "SIGNAL-LINK",
        "SIGNAL-OUTGOING",
        "SIGNAL-INCOMING",
        "DATA-LINK",
        "DATA-OUTGOING",
        "DATA-INCOMING",
        "VERSION",
    )
    assert table.rows == [(ip, *["not connected"] * 6, None) for ip in ("192.0.2.7", "2001:db8::7")]
    assert capsys.readouterr().err == ("crs-cli: warning: inter-working links are not connected in this release\n")
    assert fault(operator, f"add iw-crs 192.0.2.7 {PEER_SECRET}") == (
        "iw-crs 192.0.2.7 exists already; to change it: crs-cli delete iw-crs 192.0.2.7, then add it again"
    )
    operator("delete iw-crs 192.0.2.7")
    assert [row[0] for row in operator("list iw-crs").rows] == ["2001:db8::7"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (PEER_SECRET + "\n", None),
        ("not+plain\n", "the shared secret is not valid: 1 to 2048 of a-z, A-Z, 0-9; '-' reads it from standard input"),
        ("\n", "the shared secret is not valid: 1 to 2048 of a-z, A-Z, 0-9; '-' reads it from standard input"),
        ("-\n", "the shared secret is not valid: standard input has none"),
    ],
)
def test_a_peer_s_secret_on_standard_input(operator, store, monkeypatch, typed, told):
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    if told is None:
        operator("add iw-crs 192.0.2.7 -")
        assert store.operator.peers()["192.0.2.7"].secret == PEER_SECRET
    else:
        assert fault(operator, "add iw-crs 192.0.2.7 -") == told and store.operator.peers() == {}


def test_a_short_secret_of_a_peer_is_taken_with_a_warning(operator, store, capsys):
    operator("add iw-crs 192.0.2.7 short")
    assert "the shared secret has less than 128 bits; both operators want a longer one" in capsys.readouterr().err
    assert store.operator.peers()["192.0.2.7"].secret == "short"


# --- admins ---------------------------------------------------------------------------------------------------------


def test_an_admin_from_beginning_to_end(operator, accounts):
    created = operator("create admin ann")
    assert (created.columns, created.rows) == (("Name", "Secret"), [("ann", SECRET)])
    assert operator("show admin ann") == created
    assert fault(operator, "create admin ann") == "admin ann exists already; crs-cli show admin ann shows it"
    for account in ("beta", "acme"):
        operator(f"add admin-account ann {account}")
    assert fault(operator, "add admin-account ann acme") == "admin ann has access to account acme already"
    operator("create admin ben")
    shown = operator("show admins")
    assert (shown.columns, shown.rows) == (("Admin", "Accounts"), [("ann", ["acme", "beta"]), ("ben", [])])
    for authorization in ("update", "statistics"):
        operator(f"add admin-account-authorization ann acme {authorization}")
    assert fault(operator, "add admin-account-authorization ann acme update") == (
        "admin ann has the authorization update for account acme already"
    )
    shown = operator("show admin-accounts ann")
    assert (shown.columns, shown.rows) == (
        ("Account", "Authorizations"),
        [("acme", ["statistics", "update"]), ("beta", [])],
    )
    operator("delete admin-account-authorization ann acme update")
    assert fault(operator, "delete admin-account-authorization ann acme update") == (
        "admin ann has no authorization update for account acme; crs-cli show admin-accounts ann shows what it has"
    )
    assert operator("show admin-accounts ann").rows == [("acme", ["statistics"]), ("beta", [])]
    operator("delete admin-account ann acme")
    assert operator("show admin-accounts ann").rows == [("beta", [])]
    operator("delete admin ann")
    assert operator("show admins").rows == [("ben", [])]


# --- conference rooms -----------------------------------------------------------------------------------------------


def test_conference_rooms(operator, store, seen):
    created = operator("create conference-room 123456 acme +46701111111")
    assert (created.columns, created.rows) == (("CONFERENCE-ROOM", "ACCOUNT", "URI"), [("123456", "acme", ALICE.uri)])
    assert fault(operator, "create conference-room 123456 acme +46709999999 --yes") == (
        "room 123456 of account acme belongs to +46701111111 already"
    )
    operator("create conference-room 123456 beta +46701111111 --yes")
    assert operator("list conference-room").rows == [("123456", "acme", ALICE.uri), ("123456", "beta", ALICE.uri)]
    found = operator("lookup conference-room 123456 acme")
    assert (found.columns, found.rows) == (("CONFERENCE-ROOM", "DOMAIN", "URI"), [("123456", "acme", ALICE.uri)])
    assert operator("delete conference-room 123456 acme +46701111111").fields == {
        "conference_room": "123456",
        "account": "acme",
        "uri": ALICE.uri,
    }
    assert operator("list conference-room").rows == [("123456", "beta", ALICE.uri)]


# --- switches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "setting", "name"),
    [("stats", STATISTICS, "statistics"), ("update-notification", UPDATE_NOTIFICATION, "crypto update notifications")],
)
def test_switches(operator, store, accounts, words, setting, name):
    assert operator(f"{words} disable acme").text == f"{name} were already disabled for account acme"
    assert operator(f"{words} enable acme").text == f"{name} are now enabled for account acme"
    assert store.operator.switched_on(setting) == {"acme"}
    assert operator(f"{words} enable acme").fields == {
        "account": "acme",
        setting.replace("-", "_"): True,
        "changed": False,
    }
    assert operator(f"{words} disable acme").text == f"{name} are now disabled for account acme"
    assert store.operator.switched_on(setting) == set()


def test_a_deleted_account_takes_its_objects_along(operator, store, seen):
    operator("blacklist add acme +46701111111")
    operator("create conference-room 123456 acme +46701111111")
    operator("create admin ann")
    operator("add admin-account ann acme")
    operator("stats enable acme")
    operator("delete account acme --yes")
    operator("create account acme")
    assert operator("show blacklist acme").rows == operator("list conference-room").rows == []
    assert operator("show admin-accounts ann").rows == [] and store.operator.switched_on(STATISTICS) == set()
