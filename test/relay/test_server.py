"""The relay process with real sockets."""

import json
import secrets
import socket
from functools import partial

import pytest

from crs.errors import Unavailable
from crs.relay.client import RelayRefused
from crs.relay.control import MAX_LINE
from crs.wire import stun

from ..wire import stunfiles
from .loops import LOOPS
from .running import MEDIA, PATIENCE, RunningRelay, UdpPeer, ipv6_here, mode, new_leg, request, wait_until


@pytest.fixture(scope="module", params=LOOPS)
def new_relay(request):
    """Makes a relay process with either loop."""
    return partial(RunningRelay, loop=request.param)


@pytest.fixture(scope="module")
def relay(new_relay):
    with new_relay() as running:
        yield running


@pytest.fixture(autouse=True)
def freed(relay):
    """Ends the conversations of a test: the next one's sockets may get the ports of its sockets, which still count."""
    yield
    for row in relay.commander.list():
        relay.commander.remove(row["conversation"])


@pytest.fixture
def pair(relay):
    """Two legs, bound: (peer, leg) of each."""
    legs = new_leg(), new_leg()
    relay.add(*legs)
    peers = UdpPeer(relay), UdpPeer(relay)
    for peer, leg in zip(peers, legs, strict=True):
        peer.bind(leg)
    yield list(zip(peers, legs, strict=True))
    for peer in peers:
        peer.close()


def counted(relay, section):
    return relay.commander.stats()[section]


def test_an_answer_tells_the_address(relay):
    leg = new_leg()
    relay.add(leg, new_leg())
    peer = UdpPeer(relay)
    transaction = secrets.token_bytes(12)
    message = stun.parse(peer.bind(leg, transaction))
    assert (message.type, message.transaction) == (stun.BINDING_SUCCESS, transaction)
    assert message.attributes[stun.XOR_MAPPED_ADDRESS] == stun.xor_address(peer.sock.getsockname(), transaction)


def test_media_goes_both_ways_byte_for_byte_and_is_counted(relay, pair):
    (anna, _), (ben, _) = pair
    before = counted(relay, "RTP")
    for number in range(100):
        anna.send(MEDIA + bytes([number]))
        assert ben.receive() == MEDIA + bytes([number])
        ben.send(bytes([200, number]) + MEDIA)
        assert anna.receive() == bytes([200, number]) + MEDIA
    size = 100 * (2 * len(MEDIA) + 3)
    added = {"rx": 200, "rxBytes": size, "tx": 200, "txBytes": size}
    wait_until(lambda: counted(relay, "RTP") == {name: before[name] + more for name, more in added.items()})


def test_no_hostile_packet_is_answered_or_forwarded(relay, pair):
    (anna, leg), (ben, other) = pair
    relay.add(*stunfiles.LEGS)
    stranger = UdpPeer(relay)
    for name in stunfiles.names("invalid"):
        case = stunfiles.load(name)
        if case.cause != "taken" and not case.source[0].startswith("2001"):  # those hang on their source
            stranger.send(case.packet)
            if stun.looks_like_stun(case.packet):  # all else is media, once the address is bound
                anna.send(case.packet)
    assert anna.silent(leg)
    assert ben.silent(other)
    relay.add(probe := new_leg(), new_leg())
    assert stranger.silent(probe)


def test_a_flood_costs_no_answer_and_no_call(relay, pair):
    (anna, leg), (ben, _) = pair
    before = sum(counted(relay, "Dropped").values())
    stranger = UdpPeer(relay)
    for number in range(5_000):
        stranger.send(secrets.token_bytes(40) if number % 2 else stunfiles.load("invalid/wrong_password").packet)
        if number % 100 == 0:
            anna.send(MEDIA)
            assert ben.receive() == MEDIA
    assert sum(counted(relay, "Dropped").values()) - before > 4_000
    relay.add(probe := new_leg(), new_leg())
    assert stranger.silent(probe)


def test_a_moved_client_gets_its_media_at_the_new_address(relay, pair):
    (anna, leg), (ben, _) = pair
    moved = UdpPeer(relay)
    moved.bind(leg)
    ben.send(MEDIA)
    assert moved.receive() == MEDIA
    anna.send(b"\x80 from the address left behind")
    moved.send(MEDIA)
    assert ben.receive() == MEDIA
    assert anna.silent(leg)


def test_a_replay_is_refused(relay, pair):
    (anna, leg), (ben, _) = pair
    recorded = request(leg)
    anna.send(recorded)
    anna.receive()
    evil = UdpPeer(relay)
    evil.send(recorded)
    relay.add(probe := new_leg(), new_leg())
    assert evil.silent(probe)
    ben.send(MEDIA)
    assert anna.receive() == MEDIA


def test_a_live_address_is_not_taken_by_another_leg(relay, pair):
    (anna, _), (ben, _) = pair
    relay.add(foreign := new_leg(), new_leg())
    anna.send(request(foreign))
    ben.send(MEDIA)
    assert anna.receive() == MEDIA  # no answer came before it, and it still comes here


def test_media_without_a_bound_peer_is_counted(relay):
    leg = new_leg()
    relay.add(leg, new_leg())
    peer = UdpPeer(relay)
    peer.bind(leg)
    before = counted(relay, "Sent")["errorNoDest"]
    peer.send(MEDIA)
    wait_until(lambda: counted(relay, "Sent")["errorNoDest"] == before + 1)


def test_too_short_and_too_long_are_counted(relay, pair):
    (anna, leg), (_, _) = pair
    before = counted(relay, "Received")
    for data in (b"", bytes(7), bytes(1501), bytes(9_000)):
        anna.send(data)
    assert anna.silent(leg)
    after = counted(relay, "Received")
    assert after["errorTooShort"] - before["errorTooShort"] == 2
    assert after["errorTooLong"] - before["errorTooLong"] == 2


def test_a_multicast_reaches_all_others(relay):
    legs = [new_leg() for _ in range(4)]
    relay.add(*legs, kind="OPAQUE_MULTICAST")
    peers = [UdpPeer(relay) for _ in legs]
    for peer, leg in zip(peers, legs, strict=True):
        peer.bind(leg)
    peers[0].send(b"to all")
    assert [peer.receive() for peer in peers[1:]] == [b"to all"] * 3
    assert peers[0].silent(legs[0])


def test_who_comes_and_goes_in_a_multicast_disturbs_nobody(relay):
    anna, ben, carl = (UdpPeer(relay) for _ in range(3))
    legs = [new_leg() for _ in range(3)]
    name = relay.add(legs[0], kind="OPAQUE_MULTICAST")
    anna.bind(legs[0])
    for known, (peer, leg) in ((2, (ben, legs[1])), (3, (carl, legs[2]))):
        relay.add(*legs[:known], kind="OPAQUE_MULTICAST", name=name)
        peer.bind(leg)
    anna.send(b"to two")
    assert [ben.receive(), carl.receive()] == [b"to two"] * 2
    relay.add(legs[0], legs[2], kind="OPAQUE_MULTICAST", name=name)  # ben left
    anna.send(b"to one")
    assert carl.receive() == b"to one"
    carl.send(b"back")
    assert anna.receive() == b"back"
    ben.send(b"from outside")
    assert carl.silent(legs[2])
    relay.add(legs[0], kind="OPAQUE_MULTICAST", name=name)
    anna.send(b"to nobody")
    anna.send(b"to nobody")
    assert anna.silent(legs[0])


def test_an_opaque_flow_carries_foreign_stun(relay):
    legs = new_leg(), new_leg()
    relay.add(*legs, kind="OPAQUE")
    anna, ben = UdpPeer(relay), UdpPeer(relay)
    anna.bind(legs[0])
    ben.bind(legs[1])
    foreign = stunfiles.load("valid/ice_check").packet
    foreign = foreign.replace(b"Fv9Wq3kZ", b"nobodys-")
    anna.send(foreign)
    assert ben.receive() == foreign


def test_a_removed_conversation_is_silent(relay):
    legs = new_leg(), new_leg()
    name = relay.add(*legs)
    anna, ben = UdpPeer(relay), UdpPeer(relay)
    anna.bind(legs[0])
    ben.bind(legs[1])
    relay.commander.remove(name)
    anna.send(MEDIA)
    anna.send(request(legs[0]))
    relay.add(probe := new_leg(), other := new_leg())
    assert anna.silent(probe)
    assert ben.silent(other)


# --- addresses ------------------------------------------------------------------------------------------------------

LOCAL = {
    "0.0.0.0": ["127.0.0.1", "127.0.0.2", "127.0.0.3"],
    **({"::": ["127.0.0.1", "127.0.0.2", "::1"]} if ipv6_here() else {}),
}


@pytest.mark.parametrize("listen", LOCAL)
def test_answers_leave_from_the_address_that_was_asked(listen, new_relay):
    with new_relay(listen=listen) as relay:
        for host in LOCAL[listen]:
            legs = new_leg(), new_leg()
            relay.add(*legs)
            anna, ben = UdpPeer(relay, host), UdpPeer(relay, LOCAL[listen][0])
            anna.bind(legs[0])
            ben.bind(legs[1])
            for _ in range(3):
                ben.send(MEDIA)
                assert anna.receive() == MEDIA
                anna.send(MEDIA)
                assert ben.receive() == MEDIA
        again = new_relay(listen=listen)
        (again.conf / "crs.conf").write_text((relay.conf / "crs.conf").read_text())
        process = again.spawn()
        assert process.wait(PATIENCE) == 1  # the port stays ours
        again.__exit__()


@pytest.mark.parametrize(
    "listen, host, family",
    [
        ("::ffff:127.0.0.1", "127.0.0.1", socket.AF_INET),
        *([("::", "::ffff:127.0.0.1", socket.AF_INET6)] if ipv6_here() else []),
    ],
)
def test_mapped_addresses_are_made_plain(listen, host, family, new_relay):
    with new_relay(listen=listen) as relay:
        leg, transaction = new_leg(), secrets.token_bytes(12)
        relay.add(leg, new_leg())
        peer = UdpPeer(relay, host, family)
        mapped = stun.parse(peer.bind(leg, transaction)).attributes[stun.XOR_MAPPED_ADDRESS]
        assert mapped == stun.xor_address(("127.0.0.1", peer.sock.getsockname()[1]), transaction)


# --- the process ----------------------------------------------------------------------------------------------------


def test_a_killed_relay_is_back_with_the_next_start(new_relay):
    with new_relay() as relay:
        legs = new_leg(), new_leg()
        anna, ben = UdpPeer(relay), UdpPeer(relay)
        name = relay.add(*legs)
        anna.bind(legs[0])
        first = relay.commander.instance()
        relay.kill()
        with pytest.raises(Unavailable):
            relay.commander.instance()
        relay.start()
        assert relay.commander.instance() != first
        assert relay.commander.poll([name]) == [name]
        relay.add(*legs, name=name)
        for peer, leg in ((anna, legs[0]), (ben, legs[1])):
            while True:  # what was sent meanwhile may be told as refused
                try:
                    peer.bind(leg)
                    break
                except ConnectionRefusedError:
                    pass
        anna.send(MEDIA)
        assert ben.receive() == MEDIA


def test_a_stop_is_clean_and_the_log_tells_what_happened(new_relay):
    with new_relay() as relay:
        leg = new_leg()
        name = relay.add(leg, new_leg())
        relay.commander.poll([name])
        relay.commander.close()
        wait_until(lambda: "CLOSE 1, test" in relay.log())
        assert relay.stop() == 0
        assert not relay.path.exists()
        told = relay.log()
        for event in (
            "Start",
            f"forwarding in {relay.loop}",
            "CONNECTION 1 from process",
            f"Command add {name} RTP by test",
            "Command poll of 1, 0 unknown, by test",
            "Stop",
        ):
            assert event in told
        assert leg[1] not in told
        assert mode(relay.home / "log" / "crs_relay.log") == 0o640


def test_the_relay_ends_with_its_supervisor(new_relay):
    with new_relay() as relay:
        relay.process.stdin.close()
        assert relay.process.wait(PATIENCE) == 0


def test_a_second_relay_says_that_the_port_is_taken(relay, new_relay):
    second = new_relay()
    (second.conf / "crs.conf").write_text((relay.conf / "crs.conf").read_text())
    process = second.spawn()
    assert process.wait(PATIENCE) == 1
    assert (
        f"relay cannot listen on 127.0.0.1 port {relay.port}/udp: Address already in use"
        in process.stderr.read().decode()
    )
    second.__exit__()


def test_limits_come_from_the_configuration(new_relay):
    with new_relay(limits="MAX_OPAQUE_RELAYS=1\n") as relay:
        relay.add(new_leg(), new_leg(), kind="OPAQUE")
        relay.add(new_leg(), new_leg(), kind="RTP")
        with pytest.raises(RelayRefused, match="1 OPAQUE relays exist"):
            relay.add(new_leg(), new_leg(), kind="OPAQUE")


def test_conversations_expire_by_themselves(new_relay):
    with new_relay(conf="relay-expiry 1") as relay:
        name = relay.add(new_leg(), new_leg())
        wait_until(lambda: not relay.commander.list())
        assert f"Expired {name}" in relay.log()


# --- the control socket ---------------------------------------------------------------------------------------------


def control(relay):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(relay.path))
    return sock


def test_only_the_owner_may_command(relay):
    assert mode(relay.path) == 0o600


def test_garbage_is_told_and_the_connection_stays(relay):
    with control(relay) as sock, sock.makefile("rb") as answers:
        sock.sendall(b"\x00garbage\n")
        assert json.loads(answers.readline())["error"] == "bad-request"
        sock.sendall(b'{"v":1,"id":1,"op":"stats"}\n')
        assert json.loads(answers.readline())["ok"]


def test_an_endless_line_closes_the_connection(relay):
    with control(relay) as sock:
        sock.sendall(b"x" * (MAX_LINE + 1))
        assert sock.recv(100) == b""


def test_who_reads_no_answers_hangs_nobody(relay, pair):
    (anna, _), (ben, _) = pair
    with control(relay) as sock:
        sock.setblocking(False)
        try:
            while True:
                sock.send(b'{"v":1,"id":1,"op":"stats"}\n' * 1000)
        except OSError:  # it waits for us, or has closed
            pass
        anna.send(MEDIA)
        assert ben.receive() == MEDIA
        assert relay.commander.stats()
