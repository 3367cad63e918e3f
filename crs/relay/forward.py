"""The relay's UDP sockets, and the path of a packet: received, found by its source address, sent on as it is.

No rules here: ``conversation`` says what is plain media, and judges every other packet.

The path is a drained loop: one wake-up takes packets until the socket is empty, or until BATCH are done and control
gets its turn. Where it was built, ``fast`` does the same in C for nearly all packets, with several loops at a time.
"""

import errno
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import repeat

from crs.errors import OperatorFault

from .. import names
from ..wire.stun import Address
from .conversation import MAX_PACKET, ConversationTable, plain_media
from .leg import RelayLeg

BATCH = 256  # packets until other sockets get their turn
RECEIVE_BUFFER = 4 << 20  # bytes; the kernel grants what it allows
MAX_ADDRESSES = 256  # of this host, behind a wildcard
NO_DESTINATION = frozenset(
    (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EINVAL, errno.EACCES, errno.EPERM)
)
WILDCARDS = {"0.0.0.0": (socket.AF_INET,), "::": (socket.AF_INET, socket.AF_INET6)}
SO_RCVBUFFORCE = 33  # socket(7)
IP_PKTINFO = 8  # ip(7); Python names it from 3.14 on
READ_SIZE = MAX_PACKET + 1  # so that a packet that is too long is seen to be

Packet = tuple[bytes, Address]  # with its source


class Endpoint:
    """One own address and port, with a socket for each loop: the kernel gives all packets of a flow to the same one.

    Raises OSError where it is not to be had. Only we share it: the first socket is bound as one that does not share, so
    that it fails where any other program has the port, or has it shared. Fewer sockets than ``loops`` do as well.
    """

    def __init__(self, family: int, address: Address, loops: int, *options: int) -> None:
        first = _bound(family, address, *options)
        self.address: Address = first.getsockname()
        self.port = self.address[1]
        self.sockets = [first]
        try:
            for _ in range(1, loops):
                first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                self.sockets.append(_bound(family, first.getsockname(), socket.SO_REUSEPORT, *options))
        except OSError:  # a system without, or no descriptor is left
            pass
        self.fds = tuple(sock.fileno() for sock in self.sockets)  # by loop
        self.sendto: Callable[[bytes, Address], int] = first.sendto  # Python sends by it, whichever loop it serves


class Port:
    """One UDP port of the relay on one address, or on all: ``0.0.0.0``, and ``::`` for both IPv4 and IPv6.

    So that everything leaves from the address that was asked, each address behind a wildcard gets a socket of its own
    when its first packet comes; from then on the kernel prefers that one.

    ``loops`` threads may drain it, each its own descriptors; those of wildcards are the first one's. Whoever touches
    the table holds ``lock``.
    """

    def __init__(self, table: ConversationTable, ip: str, port: int, loops: int = 1) -> None:
        """``port`` 0 is any free one. Raises OperatorFault if the port cannot be had."""
        self.table, self.lock = table, threading.Lock()
        self.port, self.loops = port, loops
        self._endpoints: dict[int, tuple[Endpoint, int]] = {}  # by file descriptor, with the loop that drains it
        self._wildcards: dict[int, socket.socket] = {}
        self._addresses: dict[tuple[str, int], Endpoint] = {}  # behind a wildcard, by (ip, scope)
        ip = names.plain_ip(ip)
        try:
            for family in WILDCARDS.get(ip, ()):
                self._open_wildcard(family)
            if not self._wildcards:
                endpoint = self._open(socket.AF_INET6 if ":" in ip else socket.AF_INET, (ip, port))
                self.port, self.loops = endpoint.port, len(endpoint.sockets)
        except OSError as error:
            self.close()
            remedy = (
                "a port below 1024 needs the capability CAP_NET_BIND_SERVICE, or set relay-port"
                if error.errno == errno.EACCES
                else "check listen-address and relay-port, and who else listens"
            )
            raise OperatorFault(f"relay cannot listen on {ip} port {port}/udp: {error.strerror}; {remedy}") from None

    def fds(self) -> list[tuple[int, int]]:
        """The file descriptors to watch, and by which loop each."""
        return [*((fd, loop) for fd, (_, loop) in self._endpoints.items()), *((fd, 0) for fd in self._wildcards)]

    def close(self) -> None:
        for endpoint, loop in self._endpoints.values():
            endpoint.sockets[loop].close()
        for wildcard in self._wildcards.values():
            wildcard.close()

    def drain(self, fd: int, now: int) -> list[tuple[int, int]]:
        """Handle what waits at one socket, BATCH packets at most. Returns what is to be watched too, as ``fds``."""
        with self.lock:
            if fd in self._wildcards:
                return self._first_packets(self._wildcards[fd], now)
            endpoint, loop = self._endpoints[fd]
            self._forward(_waiting(endpoint.sockets[loop]), endpoint, now)
        return []

    def _forward(self, packets: Iterable[Packet], endpoint: Endpoint, now: int) -> None:
        """Forward or judge packets that came to ``endpoint``."""
        leg_at, receive = self.table.bound.get, self.table.receive
        for data, source in packets:
            leg = leg_at(source)
            size = len(data)
            if leg is None or not plain_media(leg, data, size):
                verdict = receive(data, source, endpoint, now)
                if not isinstance(verdict, RelayLeg):
                    if verdict is not None:
                        _answer(endpoint, verdict, source)
                    continue
                leg = verdict
            leg.heard = now
            traffic = leg.traffic
            traffic.rx += 1
            traffic.rx_bytes += size
            for other in leg.others:
                way = other.way
                if way is None:
                    traffic.no_destination += 1
                    continue
                sendto, address = way
                try:
                    sendto(data, address)
                except OSError as error:
                    if error.errno in NO_DESTINATION:
                        traffic.no_destination += 1
                    else:
                        traffic.failed += 1
                    continue
                traffic.tx += 1
                traffic.tx_bytes += size

    # --- sockets ----------------------------------------------------------------------------------------------------

    def _open(self, family: int, address: Address, *options: int) -> Endpoint:
        endpoint = Endpoint(family, address, self.loops, *options)
        self._endpoints.update((fd, (endpoint, loop)) for loop, fd in enumerate(endpoint.fds))
        return endpoint

    def _open_wildcard(self, family: int) -> None:
        sock = _socket(family)
        self._wildcards[sock.fileno()] = sock
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.bind(("", self.port))
        self.port = sock.getsockname()[1]
        # Not before: this bind must fail where another process has the port, those behind it must not.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def _first_packets(self, wildcard: socket.socket, now: int) -> list[tuple[int, int]]:
        """Judge what came through a wildcard in the name of the address that it was sent to."""
        opened: list[tuple[int, int]] = []
        for _ in range(BATCH):
            try:
                data, ancillary, _, source = wildcard.recvmsg(READ_SIZE, 128)
            except OSError:
                break
            asked = _asked(ancillary)
            endpoint = self._addresses.get(asked)
            if endpoint is None:
                if len(self._addresses) >= MAX_ADDRESSES:
                    continue
                try:
                    endpoint = self._open(wildcard.family, _socket_address(asked, self.port), socket.SO_REUSEADDR)
                except OSError:  # multicast, or an address that went away: nobody's to answer from
                    continue
                self._addresses[asked] = endpoint
                opened += [(fd, loop) for loop, fd in enumerate(endpoint.fds)]
            self._forward([(data, source)], endpoint, now)
        return opened


def _waiting(sock: socket.socket) -> Iterator[Packet]:
    """The packets that wait at a socket, BATCH at most."""
    recvfrom = sock.recvfrom
    try:
        for _ in repeat(None, BATCH):
            yield recvfrom(READ_SIZE)
    except OSError:  # nothing waits, in all likelihood; else the loop comes back
        return


def _socket(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # so no address is ever IPv4-mapped
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    with suppress(PermissionError):  # without CAP_NET_ADMIN net.core.rmem_max bounds it
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    return sock


def _bound(family: int, address: Address, *options: int) -> socket.socket:
    """A socket at ``address``, with these options of socket(7) on. Raises OSError."""
    sock = _socket(family)
    try:
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _asked(ancillary: list[tuple[int, int, bytes]]) -> tuple[str, int]:
    """(ip, scope) of the own address that a packet was sent to (ip(7), ipv6(7)); scope only where IPv6 needs it."""
    level, _, info = ancillary[0]
    if level == socket.IPPROTO_IP:
        return socket.inet_ntop(socket.AF_INET, info[4:8]), 0
    ip = socket.inet_ntop(socket.AF_INET6, info[:16])
    return ip, struct.unpack("=I", info[16:20])[0] if ip.startswith("fe80:") else 0


def _socket_address(asked: tuple[str, int], port: int) -> Address:
    ip, scope = asked
    return (ip, port, 0, scope) if ":" in ip else (ip, port)


def _answer(endpoint: Endpoint, answer: bytes, address: Address) -> None:
    with suppress(OSError):  # a forged source that cannot be reached, or a full buffer: the client asks again
        endpoint.sendto(answer, address)
