"""The UDP socket of a leg."""

import mock
import pytest
from gevent import socket

from crs.client.sockets import send_to, udp_socket
from crs.wire.vocabulary import Candidate, Leg


def leg(*ips: str) -> Leg:
    return Leg(0, "rtp", "fragment", "password", [Candidate(ip, 146) for ip in ips])


@pytest.mark.parametrize(
    "ips, family",
    [
        (["192.0.2.1"], socket.AF_INET),
        (["::ffff:192.0.2.1"], socket.AF_INET),
        (["192.0.2.1", "2001:db8::1"], socket.AF_INET6),
    ],
)
def test_the_family_fits_all_candidates(ips, family):
    with udp_socket(leg(*ips)) as sock:
        assert sock.family == family


def test_an_ipv6_socket_reaches_ipv4():
    with udp_socket(leg("127.0.0.1", "::1")) as sock, socket.socket(type=socket.SOCK_DGRAM) as relay:
        relay.bind(("127.0.0.1", 0))
        relay.settimeout(10)
        send_to(sock, b"hello", relay.getsockname())
        assert relay.recv(10) == b"hello"


def test_what_cannot_be_sent_is_lost():
    sock = mock.Mock(family=socket.AF_INET)
    sock.sendto.side_effect = OSError("no route to host")
    send_to(sock, b"hello", ("192.0.2.1", 146))
    sock.sendto.assert_called_once_with(b"hello", ("192.0.2.1", 146))
