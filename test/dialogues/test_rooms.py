"""Media of a conference through the relay of a real host: members hear each other, those that left hear nothing, and a
killed relay is replaced."""

import pytest
from gevent import socket

from crs.wire import stun

from ..hosts import wait_for
from ..raw import RawClient

URIS = ["+46700000001", "+46700000002", "+46700000003"]


class Node:
    """A member's socket: binds to its leg, sends and receives datagrams."""

    def __init__(self, leg: dict):
        self.leg, self.number = leg, 0
        self.sock = socket.socket(type=socket.SOCK_DGRAM)
        self.sock.settimeout(0.2)
        candidate = leg["candidates"][0]
        self.sock.connect((candidate["ip"], candidate["port"]))

    def bind(self) -> bool:
        """Whether the relay answers a Binding."""
        self.number += 1
        transaction = self.number.to_bytes(12, "big")
        self.sock.send(stun.binding_request(transaction, self.leg["ufrag"], self.leg["pwd"].encode()))
        answer = self.receive()
        return answer is not None and answer[8:20] == transaction

    def receive(self) -> bytes | None:
        try:
            return self.sock.recv(2048)
        except (TimeoutError, ConnectionRefusedError):
            return None


@pytest.fixture
def members(host, domains):
    clients = [RawClient(host.address, domains["acme"].month(uri)) for uri in URIS]
    for client in clients:
        client.register()
    yield clients
    for client in clients:
        client.close()


def make(host, number, clients) -> None:
    host.cli("create", "conference-room", number, "acme", URIS[0])
    for client in clients:
        wait_for(lambda client=client: client.call("room.lookup", {"number": number})["rooms"], "the room is known")


def enter(number, clients, id="j1") -> list[Node]:
    nodes = [Node(client.call("room.join", {"id": id, "number": number})["legs"][0]) for client in clients]
    for node in nodes:
        wait_for(node.bind, "bound")
    return nodes


def reach(sender: Node, receivers: list[Node], text: bytes) -> None:
    sender.sock.send(text)
    assert [node.receive() for node in receivers] == [text] * len(receivers)


def test_media_goes_to_all_others_and_to_nobody_who_left(host, members):
    make(host, "111111", members)
    alice, bob, carl = enter("111111", members)
    reach(alice, [bob, carl], b"hello")
    reach(carl, [alice, bob], b"hello, too")
    members[1].call("room.leave", {"number": "111111"})
    reach(alice, [carl], b"without bob")
    assert bob.receive() is None and not bob.bind()
    (rejoined,) = enter("111111", members[1:2], id="j2")
    reach(alice, [carl, rejoined], b"with bob")
    for client in members:
        client.call("room.leave", {"number": "111111"})
    assert not alice.bind()


def test_a_conference_outlives_the_relay(host, members):
    make(host, "222222", members)
    nodes = enter("222222", members)
    host.kill("crs_relay")
    for node in nodes:
        wait_for(node.bind, "bound again")
    reach(nodes[0], nodes[1:], b"still here")
    for client in members:
        client.call("room.leave", {"number": "222222"})


def test_the_blacklisted_leave_at_once(host, members):
    make(host, "333333", members)
    alice, bob, carl = enter("333333", members)
    host.cli("blacklist", "add", "acme", URIS[2])
    try:
        assert members[2].notification("room.ended")["reason"] == "removed"
        wait_for(lambda: not carl.bind(), "the leg is void")
        reach(alice, [bob], b"among us")
    finally:
        host.cli("blacklist", "remove", "acme", URIS[2])
    for client in members[:2]:
        client.call("room.leave", {"number": "333333"})
