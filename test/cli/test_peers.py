"""Inter-working CRS instances: add, delete, list, show iw-crs."""

import io
import sys

import pytest

PEER_SECRET = "c2VjcmV0b2Z0aGVwZWVyY3Jz"


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
    assert operator.refuses(f"add iw-crs 192.0.2.7 {PEER_SECRET}") == (
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
        assert operator.refuses("add iw-crs 192.0.2.7 -") == told and store.operator.peers() == {}


def test_a_short_secret_of_a_peer_is_taken_with_a_warning(operator, store, capsys):
    operator("add iw-crs 192.0.2.7 short")
    assert "the shared secret has less than 128 bits; both operators want a longer one" in capsys.readouterr().err
    assert store.operator.peers()["192.0.2.7"].secret == "short"
