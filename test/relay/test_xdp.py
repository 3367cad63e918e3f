"""Media offload: what only the driver does, and what is said where it cannot be had."""

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from crs.relay import xdp
from crs.relay.leg import Kind, RelayLeg, Traffic

from .loops import LOOPS
from .running import MEDIA, RunningRelay, UdpPeer, new_leg, request, wait_until
from .wire import RELAY, RELAY_6, at_clients, offloading


@pytest.fixture(scope="module")
def wire():
    with at_clients() as wire:
        yield wire


@pytest.fixture(params=[LOOPS[0], LOOPS[-1]])
def new_relay(request, wire):
    """Makes a relay process with media offload, on the other end of the wire; one at a time, as at any device."""
    return offloading(wire, request.param)


@pytest.fixture
def relay(new_relay):
    with new_relay() as running:
        yield running


@contextmanager
def stopped(relay):
    """While the process does nothing, what arrives went through the driver."""
    os.kill(relay.process.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all(map(is_stopped, Path(f"/proc/{relay.process.pid}/task").iterdir())))
        yield
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)


def is_stopped(thread: Path) -> bool:
    """Whether the signal has arrived at this thread: on another core it may run on for a while."""
    return thread.joinpath("stat").read_text().rpartition(") ")[2].startswith("T")


def new_pair(relay, kind="RTP"):
    legs, peers = (new_leg(), new_leg()), (UdpPeer(relay), UdpPeer(relay))
    relay.add(*legs, kind=kind)
    for peer, leg in zip(peers, legs, strict=True):
        peer.bind(leg)
    return legs, peers


@pytest.mark.parametrize("ip, listen", [(RELAY, None), (RELAY_6, None), (RELAY, "0.0.0.0"), (RELAY_6, "::")])
def test_the_driver_forwards_without_the_process_and_all_is_counted(new_relay, ip, listen):
    with new_relay(ip, listen=listen) as relay:
        assert "Media offload: XDP at relay\n" in relay.log()
        _, (anna, ben) = new_pair(relay)
        active = relay.commander.list()[0]["last_active"]
        time.sleep(0.05)
        with stopped(relay):
            for number in range(20):
                packet = MEDIA + os.urandom(number)
                anna.send(packet)
                assert ben.receive() == packet
                ben.send(packet)
                assert anna.receive() == packet
        size = 40 * len(MEDIA) + 2 * sum(range(20))
        assert relay.commander.stats()["RTP"] == {"rx": 40, "rxBytes": size, "tx": 40, "txBytes": size}
        assert relay.commander.list()[0]["last_active"] > active


def test_a_leg_that_sends_nothing_is_sent_to_by_the_driver(relay):
    _, (anna, ben) = new_pair(relay)
    with stopped(relay):
        anna.send(MEDIA)
        assert ben.receive() == MEDIA


def test_what_is_not_plain_media_waits_for_the_process(relay, wire):
    legs, (anna, ben) = new_pair(relay, "OPAQUE")
    odd = [b"\x03 may be STUN", b"\x80 has IP options", b"\x80 may not be sent on" + bytes(20), b"\x81" + bytes(900)]
    route = "ip", "-n", wire.client, "route", "change", "10.99.0.0/24", "dev", "client"
    with stopped(relay):
        anna.send(odd[0])
        anna.sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01\x01\x01\x00")
        anna.send(odd[1])
        anna.sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"")
        anna.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        anna.send(odd[2])
        anna.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        subprocess.run([*route, "mtu", "lock", "600"], check=True)  # in fragments
        anna.send(odd[3])
        subprocess.run(route, check=True)
        anna.send(MEDIA)
        assert ben.receive() == MEDIA
    assert [ben.receive() for _ in odd] == odd
    assert relay.commander.stats()["OPAQUE"]["rx"] >= 5


def test_too_short_and_too_long_media_is_not_forwarded(relay):
    _, (anna, ben) = new_pair(relay)
    with stopped(relay):
        anna.send(b"\x80" * 7)
        anna.send(b"\x80" * 1501)
        anna.send(b"\x80" * 8)
        assert ben.receive() == b"\x80" * 8
    wait_until(lambda: relay.commander.stats()["Received"]["errorTooShort"] == 1)
    wait_until(lambda: relay.commander.stats()["Received"]["errorTooLong"] == 1)


def test_media_in_the_driver_keeps_a_conversation_and_an_address(new_relay):
    with new_relay(conf="relay-expiry 1") as relay:
        legs, (anna, ben) = new_pair(relay)
        until = time.monotonic() + 2.5  # sweeps come once a second
        while time.monotonic() < until:
            with stopped(relay):
                anna.send(MEDIA)
                ben.receive()
            time.sleep(0.05)
        assert len(relay.commander.list()) == 1
        relay.add(thief := new_leg(), new_leg(), name="theirs")
        anna.send(request(thief))
        anna.bind(legs[0])  # its answer is the first one
        assert relay.commander.stats()["Dropped"]["taken"] == 1
        relay.commander.remove("theirs")
        wait_until(lambda: not relay.commander.list())
        anna.send(MEDIA)
        wait_until(lambda: relay.commander.stats()["Dropped"]["unbound"] == 1)


def test_a_killed_relay_leaves_nothing_at_the_device(new_relay, wire):
    def attached():
        return (
            "xdp"
            in subprocess.run(
                ["ip", "-n", wire.relay, "link", "show", "relay"], check=True, capture_output=True, text=True
            ).stdout
        )

    with new_relay() as relay:
        assert attached()
        relay.kill()
        wait_until(lambda: not attached())


# --- without a wire -------------------------------------------------------------------------------------------------


def test_a_relay_that_cannot_have_it_says_why_and_forwards():
    with RunningRelay(conf="media-offload xdp") as relay:  # a loopback device has no driver
        _, (anna, ben) = new_pair(relay)
        anna.send(MEDIA)
        assert ben.receive() == MEDIA
        assert relay.log().count("No media offload, sockets forward all: ") == 1
        assert "Media offload: XDP" not in relay.log()


def test_nothing_is_said_where_nothing_was_asked_for():
    with RunningRelay() as relay:
        assert "media offload" not in relay.log().lower()


class FakeProgram:
    """Keeps what an Offload tells the program; packets of all legs are heard at ``time``."""

    def __init__(self):
        self.time = 0
        self.full = False
        self.met = []
        self.routes = {}

    def meet(self, number, flow):
        self.met.append(number)

    def enter(self, flow, route):
        if not self.full:
            self.routes[flow] = route
        return not self.full

    def leave(self, flow):
        del self.routes[flow]

    def heard(self, number):
        return self.time


@pytest.fixture
def program():
    return FakeProgram()


@pytest.fixture
def legs(program):
    """Two legs of a conversation, not bound."""
    paths = [xdp.Offload(program)]
    pair = [RelayLeg(name, "password", Kind.RTP, Traffic(), 5, paths) for name in ("anna", "ben")]
    for leg, other in zip(pair, reversed(pair), strict=True):
        leg.link((other,))
    return pair


def endpoint(ip, port=146):
    return SimpleNamespace(address=(ip, port, 0, 0) if ":" in ip else (ip, port), sendto=None, fds=(0,))


HERE = endpoint("192.0.2.2")


def test_what_was_heard_stays_when_the_address_goes(program, legs):
    legs[0].bind(("192.0.2.1", 9), HERE)
    program.time = 2_000
    assert legs[0].last_heard() == 2_000
    legs[0].unbind()
    program.time = 3_000
    assert legs[0].last_heard() == 2_000


def test_there_are_routes_while_both_legs_are_bound(program, legs):
    anna, ben = legs
    anna.bind(("192.0.2.1", 9), HERE)
    assert not program.routes
    ben.bind(("192.0.2.3", 10), HERE)
    flows = {xdp.flow(leg.address, HERE.address) for leg in legs}
    assert program.routes.keys() == flows
    anna.bind(("192.0.2.1", 11), HERE)
    assert len(program.routes) == 2 and program.routes.keys() != flows
    anna.link((ben, ben))  # as in a multicast
    assert program.routes.keys() == {xdp.flow(ben.address, HERE.address)}
    ben.unbind()
    assert not program.routes
    assert program.met == [0, 1, 0]  # a leg that moves keeps its number


def test_a_flow_without_room_or_to_the_other_family_has_no_route(program, legs):
    anna, ben = legs
    anna.bind(("192.0.2.1", 9), HERE)
    ben.bind(("2001:db8::1", 9, 0, 0), endpoint("2001:db8::2"))
    assert not program.routes
    program.full = True
    ben.bind(("192.0.2.3", 9), HERE)
    assert not program.routes
    program.full = False
    ben.bind(("192.0.2.3", 10), HERE)
    assert len(program.routes) == 2


@pytest.mark.parametrize(
    "listen, reason",
    [
        ("127.0.0.1", "the program was not built: clang was not at hand"),
        ("192.0.2.77", "no device has the address 192.0.2.77"),
    ],
)
def test_the_reason_is_told(monkeypatch, tmp_path, listen, reason):
    told = []
    monkeypatch.setattr(xdp.LOG, "info", told.append)
    monkeypatch.setattr(xdp, "PROGRAM", tmp_path / "none.o")
    assert xdp.offload("xdp", listen) is None
    assert len(told) == 1 and reason in told[0]
