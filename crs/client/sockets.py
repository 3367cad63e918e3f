"""The UDP socket of a leg: one for all its candidates, IPv4 and IPv6."""

import logging

from gevent import socket

from crs import names
from crs.wire.vocabulary import Leg

LOG = logging.getLogger("crs.client")

LARGEST = 2048  # bytes of a datagram


def udp_socket(leg: Leg) -> socket.socket:
    """An IPv6 socket (for IPv4 as well) if any candidate is IPv6."""
    if any(":" in names.plain_ip(candidate.ip) for candidate in leg.candidates):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return sock
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def send_to(sock: socket.socket, octets: bytes, address: tuple[str, int]) -> None:
    """Send one datagram; without a route it is lost, as anywhere on the path."""
    host = address[0]
    if sock.family == socket.AF_INET6 and ":" not in host:
        host = f"::ffff:{host}"
    try:
        sock.sendto(octets, (host, address[1]))
    except OSError as error:
        LOG.debug("not sent to %s: %s", address, error)
