"""What clients are told stands in Redis, as redis-py sees it: independent of our own store code."""

import json

import pytest

from ..hosts import wait_for
from ..raw import RawClient
from .conftest import URIS

ALICE, BOB = URIS[:2]
MAIL, BOX = f"mail:{{{BOB}}}@acme", f"box:{{{BOB}}}@acme:primary"


@pytest.fixture
def attach(host, domain):
    """Attaches and registers clients; closes them at the end."""
    made = []

    def attach(uri: str) -> RawClient:
        client = RawClient(host.address, domain.month(uri))
        made.append(client)
        client.register("phone-1")
        return client

    yield attach
    for client in made:
        client.close()


def test_an_acknowledged_message_is_there_until_its_receiver_acknowledges_it(low, attach):
    alice, bob = attach(ALICE), attach(BOB)
    for number in range(3):
        alice.call("message.post", {"id": f"m{number}", "to": BOB, "body": f"body {number}"})
    assert low.hlen(MAIL) == low.zcard(BOX) == 3
    for number, ref in enumerate(low.zrange(BOX, 0, -1)):  # in the order of their sequence numbers
        header, _, body = low.hget(MAIL, ref).partition("\n")
        assert json.loads(header)[:4] == ["content", ALICE, "acme", f"m{number}"] and body == f"body {number}"
    items = bob.call("message.fetch")["messages"]
    assert [(item["ref"], item["seq"]) for item in items] == low.zrange(BOX, 0, -1, withscores=True)
    bob.call("message.ack", {"refs": [item["ref"] for item in items[:2]]})
    assert low.zrange(BOX, 0, -1) == low.hkeys(MAIL) == [items[2]["ref"]]
    assert low.hmget(f"ledger:{{{BOB}}}@acme", "posted", "acked", "count") == ["3", "2", "1"]


def test_a_registered_client_is_there_as_long_as_it_is_attached(host, high, attach):
    bob = attach(BOB)
    key = f"dir:{{{BOB}}}@acme"
    entry = json.loads(high.hget(key, "phone-1"))
    assert (entry["type"], entry["ip"], entry["host"]) == ("primary", "127.0.0.1", "crs1")
    assert entry["port"] == bob.tls.sock.getsockname()[1]
    assert high.hget("attached:crs1", entry["connection"]) == f"{entry['worker']} phone-1 {BOB}@acme"
    bob.close()
    wait_for(lambda: not high.exists(key, "attached:crs1"), "the entry is removed")


def test_a_call_is_there_in_its_state(high, attach):
    alice, bob = attach(ALICE), attach(BOB)
    session = alice.call("session.invite", {"id": "c1", "to": BOB, "body": "offer"})["session"]
    key, shown = f"call:{{{session}}}", ("state", "caller", "callee", "offer", "answer")
    parties = f"{ALICE}@acme", f"{BOB}@acme"
    assert high.hmget(key, shown) == ["invite", *parties, "offer", None]
    bob.call("session.accept", {"session": session, "body": "answer"})
    assert high.hmget(key, shown) == ["talk", *parties, "offer", "answer"]
    alice.call("session.hangup", {"session": session})
    assert high.hmget(key, "state", "who") == ["hangup", "caller"]
    assert high.ttl(key) > 0


def test_what_must_last_is_written_before_it_is_acknowledged(low, high):
    assert low.config_get("append*") | {"appendonly": "yes", "appendfsync": "always"} == low.config_get("append*")
    assert high.config_get("appendfsync") == {"appendfsync": "no"}
