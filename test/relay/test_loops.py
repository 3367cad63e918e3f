"""Several loops at a time: how flows and counts are shared out, and that nothing gets lost or astray between them."""

import os
import signal
import threading
from pathlib import Path
from random import Random

import pytest

from crs.relay import fast

from .loops import LOOPS
from .running import MEDIA, RunningRelay, UdpPeer, new_leg, wait_until

TWO = LOOPS[-1]  # where C is not built, that is one
CHANGES = 600  # of conversations, in a storm: as many sockets as a process may have by default, and no more


@pytest.fixture
def relay():
    with RunningRelay(loop=TWO, listen="0.0.0.0") as running:
        yield running


def pair(relay, kind="RTP"):
    """(name, legs, peers) of a conversation whose two legs are bound."""
    legs = new_leg(), new_leg()
    name = relay.add(*legs, kind=kind)
    peers = [UdpPeer(relay), UdpPeer(relay)]
    for peer, leg in zip(peers, legs, strict=True):
        peer.bind(leg)
    return name, legs, peers


def close(pairs):
    for _, _, peers in pairs:
        for peer in peers:
            peer.close()


def waiting(relay):
    """The bytes that wait at each socket of the relay but the wildcard's (proc(5))."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    local = f"0100007F:{relay.port:04X}"
    return [int(row[4].split(":")[1], 16) for row in rows if row[1] == local]


def test_each_loop_has_a_socket_and_gets_a_share_of_the_flows(relay):
    pairs = [pair(relay) for _ in range(32)]
    os.kill(relay.process.pid, signal.SIGSTOP)
    try:
        for _, _, (anna, ben) in pairs:
            anna.send(MEDIA)
            ben.send(MEDIA)
        queues = waiting(relay)
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)
    assert len(queues) == (2 if fast.lib else 1) and all(queues)  # 64 flows: all alike once in 2 ** 63
    for _, _, (anna, ben) in pairs:
        assert anna.receive() == ben.receive() == MEDIA
    close(pairs)


def test_nothing_goes_astray_in_a_storm_and_all_is_counted(relay):
    """Media in all directions from threads of its own, while other conversations are made, moved and removed."""
    steady, others, random = [pair(relay) for _ in range(24)], [], Random(5)
    sent, faults, over = [0] * len(steady), [], threading.Event()

    def talk(numbers):
        try:
            while not over.is_set():
                for number in numbers:
                    name, _, (anna, ben) = steady[number]
                    packets = [b"\x80" + f"{name} {sent[number] + turn}".encode() for turn in range(4)]
                    for packet in packets:
                        anna.send(packet)
                        ben.send(packet + b"!")
                    assert [ben.receive() for _ in packets] == packets
                    assert [anna.receive() for _ in packets] == [packet + b"!" for packet in packets]
                    sent[number] += 8
        except BaseException as fault:
            faults.append(fault)

    talkers = [threading.Thread(target=talk, args=(range(first, len(steady), 3),)) for first in range(3)]
    for talker in talkers:
        talker.start()
    left = []  # sockets of the past stay open, so that no other gets their port
    for _ in range(CHANGES):
        if faults:
            break
        what = random.randrange(5)
        if what < 2 or not others:
            others.append(pair(relay, "OPAQUE"))
        elif what == 2:
            name, _, peers = others.pop(random.randrange(len(others)))
            relay.commander.remove(name)
            left.append((name, None, peers))
        elif what == 3:
            name, legs, peers = random.choice(others)
            moved = UdpPeer(relay)
            moved.bind(legs[0])
            left.append((name, None, [peers[0]]))
            peers[0] = moved
        else:
            name, _, peers = random.choice(others)
            packet = os.urandom(200).replace(b"\0", b"\x80")
            packet = b"\x80" + packet[1:]
            peers[0].send(packet)
            assert peers[1].receive() == packet
    over.set()
    for talker in talkers:
        talker.join()
    assert not faults
    total, stats = sum(sent), relay.commander.stats
    assert total > 0
    wait_until(lambda: stats()["RTP"]["rx"] == stats()["RTP"]["tx"] == total)
    assert (stats()["Sent"]["errorNoDest"], stats()["Sent"]["error"]) == (0, 0)
    close(steady + others + left)


def test_what_goes_round_by_python_reaches_all_whoever_takes_it(relay):
    """Legs of one multicast sit at either loop: C hands their packets to Python."""
    legs = [new_leg() for _ in range(12)]
    relay.add(*legs, kind="OPAQUE_MULTICAST")
    peers = [UdpPeer(relay) for _ in legs]
    for peer, leg in zip(peers, legs, strict=True):
        peer.bind(leg)
    for number, sender in enumerate(peers):
        sender.send(b"\x80 from %d" % number)
        assert [peer.receive() for peer in peers if peer is not sender] == [b"\x80 from %d" % number] * 11
    wait_until(lambda: relay.commander.stats()["OPAQUE_MULTICAST"]["tx"] == 12 * 11)
    for peer in peers:
        peer.close()
