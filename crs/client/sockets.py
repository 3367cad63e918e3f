"""The UDP socket of a leg: one for all its candidates, IPv4 and IPv6. Never here: what is sent."""

import logging

from gevent import socket

from crs import names
from crs.wire.vocabulary import Leg

LOG = logging.getLogger("crs.client")

LARGEST = 2048  # bytes of a datagram


def udp_socket(leg: Leg) -> socket.socket:
    """IPv6, which carries IPv4 as well, as soon as one of the candidates is IPv6."""
    if any(":" in names.plain_ip(one.ip) for one in leg.candidates):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return sock
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def send_to(sock: socket.socket, octets: bytes, address: tuple) -> None:
    """Send one datagram; where there is no route just now it is lost, as on any way."""
    host = address[0]
    if sock.family == socket.AF_INET6 and ":" not in host:
        host = f"::ffff:{host}"
    try:
        sock.sendto(octets, (host, address[1]))
    except OSError as error:
        LOG.debug("not sent to %s: %s", address, error)
