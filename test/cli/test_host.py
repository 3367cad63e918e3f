"""The operator's view of a real host with attached clients, a call and messages (manual, chapter 5.4)."""

import pytest

from test.hosts import Domain, running, wait_for
from test.raw import RawClient

ALICE, BOB, DESK = "+46701111111", "+46702222222", "urn:x-crs:client:desk"
STREAM = {"kind": "rtp", "media": "audio"}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("h")) as host:
        yield host


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", [ALICE, BOB])


@pytest.fixture
def attach(host, domain):
    """Attach and register a client; closed at the end."""
    clients = []

    def make(uri: str, device: str = "phone", type: str = "primary") -> RawClient:
        clients.append(RawClient(host.address, domain.month(uri)))
        clients[-1].register(device, type=type)
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_the_workers_load_what_was_applied(host, domain):
    wait_for(
        lambda: [row["loaded_accounts"] for row in host.rows("show", "account")] == [["acme"]] * 2,
        "both workers have loaded acme",
    )
    shown = {(row["server"], row["module"], row["pid"]) for row in host.rows("show", "account")}
    assert shown == {("crs1", "app:attach", pid) for name, pid in host.pids().items() if "attach" in name}
    assert [row["account"] for row in host.rows("show", "updates") if row["current_month"]] == ["acme"]


def test_show_system_names_every_process(host):
    rows = host.rows("show", "system")
    assert {row["pid"] for row in rows} == set(host.pids().values())
    assert {row["process"] for row in rows} >= {"app:attach", "crs_relay", "redis_high", "redis_low"}
    assert [row["slots"] for row in rows if row["process"] == "app:attach"] == ["0-8191", "8192-16383"]


def test_show_attach_of_a_client_with_two_devices(host, attach):
    phone, tablet = attach(ALICE), attach(ALICE, "tablet", "secondary")
    rows = {row["device_id"]: row for row in host.rows("show", "attach")}
    for device, client, type in (("phone", phone, "primary"), ("tablet", tablet, "secondary")):
        row = rows[device]
        ip, port = client.tls.sock.getsockname()
        assert (row["uri"], row["account"], row["version"], row["crs"]) == (ALICE, "acme", "test 1", "crs1")
        assert (row["ip_port"], row["type"]) == (f"{ip}:{port}", type)
        assert 0 <= row["time"] < 60
    phone.close()
    tablet.close()
    wait_for(lambda: host.rows("show", "attach") == [], "both are detached")


def test_show_session_and_relays_follow_a_call(host, attach):
    alice, bob = attach(ALICE), attach(BOB)
    session = alice.call("session.invite", {"id": "1", "to": BOB, "streams": [STREAM]})["session"]
    assert (ALICE, BOB, "invite") in shown_sessions(host)
    bob.call("session.ringing", {"session": session})
    assert (ALICE, BOB, "ringing") in shown_sessions(host)
    bob.call("session.accept", {"session": session})
    assert (ALICE, BOB, "talk") in shown_sessions(host)
    (relay,) = host.rows("show", "relays")
    assert relay["type"] == "RTP" and relay["nodes"] == 0
    assert session in relay["identifiers"]
    alice.call("session.hangup", {"session": session})
    assert (ALICE, BOB, "hangup(normal, caller)") in shown_sessions(host)
    wait_for(lambda: host.rows("show", "relays") == [], "the relay is released")


def shown_sessions(host) -> list[tuple]:
    return [(row["caller"], row["callee"], row["state"]) for row in host.rows("show", "session")]


def test_show_message_counts_what_was_posted_delivered_and_read(host, attach):
    alice, bob = attach(ALICE), attach(BOB)
    for number in ("m1", "m2"):
        alice.call("message.post", {"id": number, "to": BOB, "body": "sealed"})
    items = bob.call("message.fetch", {})["messages"]
    bob.call("message.ack", {"refs": [items[0]["ref"]]})
    rows = {row["uri"]: row for row in host.rows("show", "message")}
    assert (rows[ALICE]["post"], rows[ALICE]["deliv"], rows[ALICE]["read"]) == (2, 1, None)
    assert (rows[BOB]["post"], rows[BOB]["deliv"]) == (0, 0) and rows[BOB]["read"].endswith("Z")


def test_delete_account_throws_its_clients_out(host, domain, attach):
    bob = attach(BOB)
    assert host.cli("delete", "account", "acme", "--yes").startswith("account acme deleted, with what was kept for ")
    wait_for(lambda: bob.closed, "the client is told and closed")
    assert bob.notification("unregistered") == {"reason": "account-deleted"}
    for element in ("attach", "message", "updates"):
        assert host.rows("show", element) == []
    assert host.rows("list", "account") == []
