"""show relay, show relays, of a real relay."""

import pytest

from crs.cli.output import Utc
from crs.errors import Unavailable
from crs.names import Client
from crs.relay.client import RelayClient
from test.relay.running import RunningRelay

ALICE = Client("+46701111111", "acme")
BOB = Client("+46702222222", "beta")


@pytest.fixture(scope="module")
def relay():
    with RunningRelay() as relay:
        yield relay


def test_show_relay(operator, home, relay):
    home.relay_sock.symlink_to(relay.path)
    sections = operator("show relay").fields
    for kind in ("RTP", "RTP_PROXY", "OPAQUE", "OPAQUE_PROXY", "OPAQUE_MULTICAST"):
        assert list(sections[kind])[:4] == ["rx", "rxBytes", "tx", "txBytes"]
    assert list(sections["Sent"]) == ["packets", "bytes", "errorNoDest", "error"]
    assert list(sections["Received"]) == ["packets", "bytes", "errorTooShort", "errorTooLong"]


def test_show_relays(operator, home, relay):
    home.relay_sock.symlink_to(relay.path)
    commander = RelayClient(relay.path, "test")
    commander.add(
        "crs1.call/0",
        "RTP",
        [{"ufrag": "aaaa", "pwd": "a" * 22}, {"ufrag": "bbbb", "pwd": "b" * 22}],
        ["crs1.call", str(ALICE), str(BOB)],
    )
    table = operator("show relays")
    commander.close()
    assert table.columns == ("TYPE", "NODES", "LAST ACTIVE", "IDENTIFIERS")
    ((kind, nodes, last_active, identifiers, conversation),) = table.rows
    assert (kind, nodes, identifiers, conversation) == ("RTP", 0, ["crs1.call", str(ALICE), str(BOB)], "crs1.call/0")
    assert isinstance(last_active, Utc)


def test_show_relay_while_there_is_none(operator):
    with pytest.raises(Unavailable, match="the relay does not answer"):
        operator("show relay")
