"""The listening sockets of a host, bound by the supervisor and inherited by its workers; why one cannot be bound."""

import errno
import ipaddress
import socket

from crs.errors import OperatorFault

BACKLOG = 1024  # connections that wait while a worker is restarted

_REMEDIES = {
    errno.EADDRINUSE: ("is used by another program", "stop that program, or choose another {directive} in crs.conf"),
    errno.EACCES: ("needs root or CAP_NET_BIND_SERVICE", "choose another {directive} in crs.conf, 1024 or above"),
    errno.EADDRNOTAVAIL: (
        "is not at an address of this machine",
        "correct the ip line in crs.conf, or write listen-address to crs-local.conf",
    ),
}


class CannotBind(OperatorFault):
    """An address and port cannot be listened at. ``errno`` is the system's reason, ``what`` and ``remedy`` in words."""

    def __init__(self, place: str, error: OSError, directive: str):
        self.errno = error.errno
        what, remedy = _REMEDIES.get(error.errno or 0, (f"cannot be used: {error.strerror}", "choose another address"))
        self.what, self.remedy = f"{place} {what}", remedy.format(directive=directive)
        super().__init__(f"{self.what}; {self.remedy}")


def place(address: str, port: int) -> str:
    """``address:port`` as people write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def tcp(address: str, port: int, count: int, directive: str) -> list[socket.socket]:
    """``count`` listening sockets at the port of a directive, between which the kernel shares out the connections.

    Raises CannotBind, also where another program listens there with SO_REUSEPORT: half of its clients would be ours.
    """
    probe(address, port, socket.SOCK_STREAM, directive)
    sockets = []
    for _ in range(count):
        sock = _socket(address, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            sock.bind((address, port))
            sock.listen(BACKLOG)
        except OSError as error:
            raise CannotBind(f"{place(address, port)}/tcp", error, directive) from None
        sockets.append(sock)
    return sockets


def probe(address: str, port: int, kind: socket.SocketKind, directive: str) -> None:
    """Raise CannotBind if this port could not be bound now; ``directive`` is the one that names it."""
    with _socket(address, kind) as sock:
        try:
            sock.bind((address, port))
        except OSError as error:
            name = "tcp" if kind == socket.SOCK_STREAM else "udp"
            raise CannotBind(f"{place(address, port)}/{name}", error, directive) from None


def _socket(address: str, kind: socket.SocketKind) -> socket.socket:
    parsed = ipaddress.ip_address(address)
    sock = socket.socket(socket.AF_INET if parsed.version == 4 else socket.AF_INET6, kind)
    if parsed.version == 6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not parsed.is_unspecified)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock
