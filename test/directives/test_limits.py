"""Directives about what a host offers, how much it holds, and what it runs as: one host, listening elsewhere."""

import shutil
import time
from pathlib import Path

import pytest
from gevent import socket

from crs.home.paths import Home
from crs.names import Client
from crs.relay.client import RelayClient, RelayRefused
from crs.store import Store, schema
from crs.trust import months
from crs.wire import stun

from ..hosts import Domain, Host, wait_for
from ..raw import RawClient, Refused
from ..servers import redis_binaries
from . import NUMBERS, number, shows

LISTENING = "127.0.0.9"
DIRECTIVES = """
mailbox-count 5
mailbox-bytes 65536
storage-bytes 4096
send-timeout 500
update-grace 31
device-expiry 1
"""
RELAYS = """
MAX_RTP_RELAYS=1
MAX_OPAQUE_RELAYS=0
MAX_OPAQUE_MULTICAST_RELAYS=1
"""
BEFORE_DEFAULT = 15  # seconds: sooner than the default of send-timeout would do it
NOW = time.time_ns() // 1_000_000
LAST_MONTH = months.before(months.of(NOW))
DAY = months.DAY


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    directory = tmp_path_factory.mktemp("host")
    chosen = directory / "chosen-redis"
    shutil.copy(redis_binaries()[0], chosen)
    host = Host(
        directory,
        directives=DIRECTIVES,
        relay=RELAYS,
        local=f"attach-workers 3\nredis-server {chosen}\nlisten-address {LISTENING}",
    )
    host.address, host.media = (LISTENING, host.address[1]), (LISTENING, host.media[1])
    try:
        yield host.start()
    finally:
        host.stop()


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", NUMBERS, months=[LAST_MONTH, months.of(NOW)])


@pytest.fixture
def attach(host, domain):
    """Attaches and registers clients; closes them at the end."""
    made = []

    def attach(uri: str, month: str | None = None, **more) -> RawClient:
        client = RawClient(host.address, domain.month(uri, month), **more)
        made.append(client)
        client.registered = client.register("phone-1")
        return client

    yield attach
    for client in made:
        client.close()


@shows("listen-address", "listen-port")
def test_it_listens_where_it_is_told(host, attach):
    assert attach(number(1)).registered["uri"] == number(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.ip, host.address[1]))


@shows("relay-port", "listen-address")
def test_the_relay_is_where_it_is_told(host, attach):
    caller, callee = attach(number(1)), attach(number(2))
    leg = caller.call("session.invite", {"id": "port", "to": number(2)})["legs"][0]
    assert leg["candidates"] == [{"ip": host.ip, "port": host.media[1]}]  # told: the address of crs.conf
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(host.media)  # used: the address of crs-local.conf
        peer.settimeout(10)
        peer.send(stun.binding_request(b"transaction.", leg["ufrag"], leg["pwd"].encode()))
        assert peer.recv(2000)[8:20] == b"transaction."
    hang_up(caller, callee)


def hang_up(caller, callee) -> None:
    caller.call("session.hangup", {"session": caller.call("session.list")["sessions"][0]["session"]})
    callee.notification("session.ended")


@shows("MAX_RTP_RELAYS", "MAX_OPAQUE_RELAYS")
def test_relays_have_their_number(attach):
    first, second, third = (attach(number(index)) for index in (3, 4, 5))
    invited = first.call("session.invite", {"id": "one", "to": number(5)})
    refused(second, "session.invite", {"id": "two", "to": number(5)}, "limit-reached", "rtp")
    first.call("session.hangup", {"session": invited["session"]})
    assert second.call("session.invite", {"id": "two", "to": number(5)})["legs"]
    hang_up(second, third)
    refused(
        first,
        "session.invite",
        {"id": "three", "to": number(5), "streams": [{"kind": "opaque"}]},
        "limit-reached",
        "opaque",
    )


@shows("MAX_OPAQUE_MULTICAST_RELAYS")
def test_multicast_relays_have_their_number(host):
    relay = RelayClient(host.home / "run" / "relay.sock", "test")
    legs = [[{"ufrag": f"{name}{leg}" * 10, "pwd": "p" * 24} for leg in range(3)] for name in "ab"]
    relay.add("first", "OPAQUE_MULTICAST", legs[0], [])
    with pytest.raises(RelayRefused) as refusal:
        relay.add("second", "OPAQUE_MULTICAST", legs[1], [])
    assert refusal.value.error == "limit"
    relay.remove("first")
    relay.add("second", "OPAQUE_MULTICAST", legs[1], [])
    relay.remove("second")
    relay.close()


def refused(client, method: str, params: dict, word: str, text: str = "") -> None:
    with pytest.raises(Refused) as told:
        client.call(method, params)
    assert told.value.word == word and text in str(told.value)


@shows("mailbox-count")
def test_a_mailbox_holds_so_many_messages(attach):
    sender = attach(number(6))
    for index in range(5):
        sender.call("message.post", {"id": f"m{index}", "to": number(7), "body": "short"})
    refused(sender, "message.post", {"id": "m5", "to": number(7), "body": "short"}, "quota-exceeded")
    receiver = attach(number(7))
    items = receiver.call("message.fetch")["messages"]
    assert [item["id"] for item in items] == [f"m{index}" for index in range(5)]
    receiver.call("message.ack", {"refs": [items[0]["ref"]]})
    assert sender.call("message.post", {"id": "m5", "to": number(7), "body": "short"})["id"] == "m5"


@shows("mailbox-bytes")
def test_a_mailbox_holds_so_many_bytes(attach):
    sender = attach(number(6))
    for index in range(2):
        sender.call("message.post", {"id": f"b{index}", "to": number(8), "body": "x" * 30_000})
    refused(sender, "message.post", {"id": "b2", "to": number(8), "body": "x" * 30_000}, "quota-exceeded")
    assert sender.call("message.post", {"id": "b3", "to": number(8), "body": "short"})["id"] == "b3"


@shows("storage-bytes")
def test_a_client_stores_so_many_bytes(attach):
    client = attach(number(6))
    refused(client, "storage.put", {"id": "p1", "type": "contacts", "value": "x" * 4096}, "quota-exceeded")
    client.call("storage.put", {"id": "p2", "type": "contacts", "value": "x" * 4000})
    refused(client, "storage.put", {"id": "p3", "type": "history", "value": "x" * 100}, "quota-exceeded")
    assert client.call("storage.list")["quota"] == 4096


@shows("send-timeout")
def test_a_client_that_reads_nothing_has_its_time(attach):
    sender, reader = attach(number(9)), attach(number(10), window=4096)
    for index in range(2):
        sender.call("message.post", {"id": f"s{index}", "to": number(10), "body": "x" * 30_000})
    reader.stop_reading()
    for _ in range(200):  # 12 MB of answers: more than the kernel holds
        reader.send("message.fetch")
    tries = iter(range(1000))

    def gone():
        try:
            invited = sender.call("session.invite", {"id": f"c{next(tries)}", "to": number(10)})
            sender.call("session.hangup", {"session": invited["session"]})
        except Refused as told:
            return told.word == "not-connected"

    wait_for(gone, "it is disconnected", patience=BEFORE_DEFAULT, pause=0.2)


@shows("update-grace")
def test_keys_of_the_last_month_have_their_grace(attach):
    assert attach(number(11), LAST_MONTH).registered["account"] == "acme"


@shows("device-expiry")
def test_a_secondary_is_forgotten_after_its_days(host, attach):
    store = Store.direct(Home(host.home), "crs1")
    client = Client(number(12), "acme")
    devices = type(store.devices)(store.low, DAY)
    devices.seen(client, "lately", "secondary", NOW - DAY // 2)
    devices.seen(client, "long-ago", "secondary", NOW - 2 * DAY)  # 28 days sooner than the default
    wait_for(lambda: store.low.call("HKEYS", schema.devices(client)) == [b"lately"], "it is forgotten")
    store.close()


@shows("attach-workers")
def test_so_many_workers_serve(host):
    assert {name for name in host.pids() if "attach" in name} == {f"app:attach:{index}" for index in range(3)}


@shows("redis-server")
def test_the_redis_that_is_told_runs(host):
    for name in ("redis_high", "redis_low"):
        assert Path(f"/proc/{host.pids()[name]}/exe").resolve() == host.home.parent / "chosen-redis"
