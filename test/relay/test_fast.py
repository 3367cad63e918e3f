"""The C part: it is built, and takes bursts and churn as the Python loop does. For more see test_fast_fuzz."""

import os
import secrets
import signal
import time
from random import Random

import pytest

from .loops import LOOPS, SINGLE
from .running import RunningRelay, UdpPeer, new_leg, request


@pytest.fixture(scope="module", params=LOOPS)
def running(request):
    with RunningRelay(loop=request.param) as started:
        yield started


@pytest.fixture
def relay(running):
    """The relay without conversations of earlier tests: their sockets are closed, and a new one may get such a port."""
    for row in running.commander.list():
        running.commander.remove(row["conversation"])
    return running


def pair(relay, kind="RTP"):
    """(name, legs, peers) of a conversation whose two legs are bound."""
    legs = new_leg(), new_leg()
    name = relay.add(*legs, kind=kind)
    peers = UdpPeer(relay), UdpPeer(relay)
    for peer, leg in zip(peers, legs, strict=True):
        peer.bind(leg)
    return name, legs, peers


SIZES = {
    "all of a size": [172] * 100,
    "all of another": [1200] * 70,
    "as large as may be": [1500] * 70,
    "in steps": [100 + number // 10 for number in range(100)],
    "each different": list(range(100, 200)),
    "a shorter one at last": ([500] * 7 + [80]) * 8,
    "with odd ones between": ([300] * 5 + [3]) * 12,
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_bursts_arrive_whole_and_in_order(relay, sizes):
    _, _, (anna, ben) = pair(relay, "OPAQUE")
    packets = [bytes([0x80, number]) + os.urandom(size - 2) for number, size in enumerate(sizes)]
    os.kill(relay.process.pid, signal.SIGSTOP)  # so that they are there all at once
    try:
        for packet in packets:
            anna.send(packet)
            ben.send(packet)
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)
    assert [ben.receive() for _ in packets] == packets
    assert [anna.receive() for _ in packets] == packets


@pytest.mark.parametrize("running", SINGLE, indirect=True)  # between several there is no order
def test_a_binding_in_a_burst_counts_for_what_follows(relay):
    name, legs, (anna, ben) = pair(relay)
    moved = UdpPeer(relay)
    os.kill(relay.process.pid, signal.SIGSTOP)
    try:
        anna.send(b"\x80 before the move")
        moved.send(b"\x80 not bound yet")
        moved.send(request(legs[0]))
        moved.send(b"\x80 after the move")
        anna.send(b"\x80 from the address left behind")
        ben.send(b"\x80 to the new address")
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)
    assert [ben.receive(), ben.receive()] == [b"\x80 before the move", b"\x80 after the move"]
    assert moved.receive()[:2] == b"\x01\x01"
    assert moved.receive() == b"\x80 to the new address"
    assert anna.silent(legs[0])


def test_conversations_come_and_go_under_traffic(relay):
    """Steady pairs lose nothing, and nobody ever hears another conversation, while others change all the time."""
    random = Random(7)
    before = relay.commander.stats()
    steady, passing, sent = [pair(relay) for _ in range(8)], [], 0
    left = []  # sockets of the past stay open: what is under way to them must not meet a new one with their port
    give_up = time.monotonic() + 60  # far beyond what a machine under other load needs
    for number in range(400):
        assert time.monotonic() < give_up
        for name, _, (anna, ben) in steady:
            packet = b"\x80" + f"{name} {number}".encode() + bytes(random.randrange(1000))
            anna.send(packet)
            ben.send(packet)
            sent += 2
            assert ben.receive() == packet and anna.receive() == packet
        what = random.randrange(4)
        if what == 0 or not passing:
            passing.append(pair(relay, random.choice(["RTP", "OPAQUE"])))
        elif what == 1:
            name, _, peers = passing.pop(random.randrange(len(passing)))
            peers[0].send(b"\x80 goodbye, " + name.encode())
            relay.commander.remove(name)
            left += peers
        elif what == 2:
            name, legs, (anna, ben) = passing.pop()
            moved = UdpPeer(relay)
            moved.bind(legs[0])
            left.append(anna)
            passing.append((name, legs, (moved, ben)))
        else:
            name, legs, (anna, ben) = random.choice(passing)
            anna.send(b"\x80 of " + name.encode())
            assert ben.receive() == b"\x80 of " + name.encode()
            stranger = UdpPeer(relay)
            stranger.send(secrets.token_bytes(200))
            left.append(stranger)
    after = relay.commander.stats()
    assert after["Sent"]["error"] == before["Sent"]["error"]
    assert after["RTP"]["tx"] - before["RTP"]["tx"] >= sent
    assert len(relay.commander.list()) >= len(steady) + len(passing)
    for peer in left:
        peer.close()
