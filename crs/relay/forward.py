"""The relay's UDP sockets, and the path of a packet: received, found by its source address, sent on as it is.

Lives here: what touches a UDP socket. Never here: rules (``conversation`` judges every packet that is not plainly
media of a bound address).

The path is a drained loop: one wake-up takes packets until the socket is empty, or until BATCH are done and control
gets its turn. Where it was built, ``fast`` does the same in C for nearly all packets, with several loops at a time.
"""

import errno
import socket
import struct
import threading

from crs.errors import OperatorFault

from .. import names
from .conversation import FORWARD, MAX_PACKET, Table

BATCH = 256  # packets until other sockets get their turn
RECEIVE_BUFFER = 4 << 20  # bytes; the kernel grants what it allows
MAX_ADDRESSES = 256  # of this host, behind a wildcard
NO_DESTINATION = frozenset(
    (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EINVAL, errno.EACCES, errno.EPERM)
)
WILDCARDS = {"0.0.0.0": (socket.AF_INET,), "::": (socket.AF_INET, socket.AF_INET6)}
SO_RCVBUFFORCE = 33  # socket(7)
IP_PKTINFO = 8  # ip(7); Python names it from 3.14 on


class Door:
    """One own address and port, with a socket for each loop: the kernel gives all packets of a flow to the same one.

    Raises OSError where it is not to be had. Only we share it: the first socket is bound as one that does not share, so
    that it fails where any other program has the port, or has it shared. Fewer sockets than ``loops`` do as well.
    """

    def __init__(self, family: int, address: tuple, loops: int, *options: int):
        first = _bound(family, address, *options)
        self.address = first.getsockname()
        self.port = self.address[1]
        self.sockets = [first]
        try:
            for _ in range(1, loops):
                first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                self.sockets.append(_bound(family, first.getsockname(), socket.SO_REUSEPORT, *options))
        except OSError:  # a system without, or no descriptor is left
            pass
        self.fds = tuple(sock.fileno() for sock in self.sockets)  # by loop
        self.sendto = first.sendto  # from this address, for who has no socket of his own loop at hand


class Port:
    """One UDP port of the relay on one address, or on all: ``0.0.0.0``, and ``::`` for both IPv4 and IPv6.

    So that everything leaves from the address that was asked, each address behind a wildcard gets a socket of its own
    when its first packet comes; from then on the kernel prefers that one.

    ``loops`` threads may drain it, each its own descriptors; those of wildcards are the first one's. Who touches the
    table holds ``lock``.
    """

    def __init__(self, table: Table, ip: str, port: int, loops: int = 1):
        """``port`` 0 is any free one. Raises OperatorFault if the port cannot be had."""
        self.table, self.lock = table, threading.Lock()
        self.port, self.loops = port, loops
        self._doors: dict[int, tuple[Door, int]] = {}  # by file descriptor: the door, and whose loop's it is
        self._wildcards: dict[int, socket.socket] = {}
        self._addresses: dict[tuple, Door] = {}  # behind a wildcard, by (ip, scope)
        ip = names.plain_ip(ip)
        try:
            for family in WILDCARDS.get(ip, ()):
                self._open_wildcard(family)
            if not self._wildcards:
                door = self._open(socket.AF_INET6 if ":" in ip else socket.AF_INET, (ip, port))
                self.port, self.loops = door.port, len(door.sockets)
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
        return [*((fd, loop) for fd, (_, loop) in self._doors.items()), *((fd, 0) for fd in self._wildcards)]

    def close(self) -> None:
        for sock in (*(door.sockets[loop] for door, loop in self._doors.values()), *self._wildcards.values()):
            sock.close()

    def drain(self, fd: int, now: int) -> list[tuple[int, int]]:
        """Handle what waits at one socket, BATCH packets at most. Returns what is to be watched too, as ``fds``."""
        with self.lock:
            if fd in self._wildcards:
                return self._first_packets(self._wildcards[fd], now)
            door, loop = self._doors[fd]
            self._forward(door.sockets[loop].recvfrom, door, now, BATCH)
        return []

    def _forward(self, receive, door: Door, now: int, most: int) -> None:
        """Forward or judge ``most`` packets that ``receive`` gives and that came to ``door``."""
        table = self.table
        bound = table.bound
        for _ in range(most):
            try:
                data, source = receive(MAX_PACKET + 1)
            except OSError:  # nothing waits, in all likelihood; else the loop comes back
                return
            leg = bound.get(source)
            size = len(data)
            if leg is None or not leg.shortest <= size <= MAX_PACKET or data[0] < 4:
                answer = table.receive(data, source, door, now)
                if answer is not FORWARD:
                    if answer is not None:
                        _answer(door, answer, source)
                    continue
            leg.heard = now
            traffic = leg.traffic
            traffic.rx += 1
            traffic.rx_bytes += size
            for other in leg.others:
                address = other.address
                if address is None:
                    traffic.no_destination += 1
                    continue
                try:
                    other.sock.sendto(data, address)
                except OSError as error:
                    if error.errno in NO_DESTINATION:
                        traffic.no_destination += 1
                    else:
                        traffic.failed += 1
                    continue
                traffic.tx += 1
                traffic.tx_bytes += size

    # --- sockets ----------------------------------------------------------------------------------------------------

    def _open(self, family: int, address: tuple, *options: int) -> Door:
        door = Door(family, address, self.loops, *options)
        self._doors.update((fd, (door, loop)) for loop, fd in enumerate(door.fds))
        return door

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
        opened = []
        for _ in range(BATCH):
            try:
                data, ancillary, _, source = wildcard.recvmsg(MAX_PACKET + 1, 128)
            except OSError:
                break
            asked = _asked(ancillary)
            door = self._addresses.get(asked)
            if door is None:
                if len(self._addresses) >= MAX_ADDRESSES:
                    continue
                try:
                    door = self._open(wildcard.family, _socket_address(asked, self.port), socket.SO_REUSEADDR)
                except OSError:  # multicast, or an address that went away: nobody's to answer from
                    continue
                self._addresses[asked] = door
                opened += [(fd, loop) for loop, fd in enumerate(door.fds)]
            self._forward(lambda size, packet=(data, source): packet, door, now, 1)
        return opened


def _socket(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # so no address is ever IPv4-mapped
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:  # not CAP_NET_ADMIN: net.core.rmem_max bounds it
        pass
    return sock


def _bound(family: int, address: tuple, *options: int) -> socket.socket:
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


def _asked(ancillary: list) -> tuple[str, int]:
    """(ip, scope) of the own address that a packet was sent to (ip(7), ipv6(7)); scope only where IPv6 needs it."""
    level, _, info = ancillary[0]
    if level == socket.IPPROTO_IP:
        return socket.inet_ntop(socket.AF_INET, info[4:8]), 0
    ip = socket.inet_ntop(socket.AF_INET6, info[:16])
    return ip, struct.unpack("=I", info[16:20])[0] if ip.startswith("fe80:") else 0


def _socket_address(asked: tuple[str, int], port: int) -> tuple:
    ip, scope = asked
    return (ip, port, 0, scope) if ":" in ip else (ip, port)


def _answer(door: Door, answer: bytes, address: tuple) -> None:
    try:
        door.sendto(answer, address)
    except OSError:  # a forged source that cannot be reached, or a full buffer: the client asks again
        pass
