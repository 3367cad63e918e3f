"""The relay's port with its path of a packet in C (``fast.c``), where that was built.

Lives here: what ties the C part to conversations and sockets. Never here: rules (``conversation``). Whatever C does not
forward by itself takes the way of ``forward``, in its turn.

Legs and traffic live in memory that C and Python both read and write, so no count and no binding is kept twice.
"""

import secrets
from collections.abc import Iterable
from functools import partial
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from .conversation import Kind, Leg, Table, Traffic
from .forward import Port

try:
    from ._fast import ffi, lib
except ImportError:         # no compiler when this was installed
    ffi = lib = None

LOOP = "Python" if lib is None else "C"
BATCH = 1024                # packets until other sockets get their turn: some milliseconds


def open_port(limits: dict[str, int | None], expiry: int, relays: Iterable[tuple[str, int]], ip: str,
              port: int) -> Port:
    """A port with a new table (``conversation.Table``), of the fastest kind there is. Raises OperatorFault."""
    if lib is None:
        return Port(Table(limits, expiry, relays), ip, port)
    forwarder = new_forwarder()
    return FastPort(forwarder, new_table(forwarder, limits, expiry, relays), ip, port)


def new_forwarder():
    """The C part of one port: the addresses of its bound legs, and room for a batch of packets."""
    return ffi.gc(lib.crs_open(secrets.randbits(64)), lib.crs_close)


def new_table(forwarder, limits: dict[str, int | None], expiry: int, relays: Iterable[tuple[str, int]] = ()) -> Table:
    """A table whose bindings ``forwarder`` knows, and whose counts it keeps."""
    return Table(limits, expiry, relays, partial(FastLeg, forwarder), partial(ffi.new, "struct crs_traffic *"))


class FastLeg(Leg):
    """A leg that C knows, too: what it must know is written through. Unbound before it is let go."""

    __slots__ = ("c", "_forwarder")

    def __init__(self, forwarder, ufrag: str, pwd: str, kind: Kind, traffic: Traffic, now: int):
        self.c = ffi.new("struct crs_leg *")
        self._forwarder = forwarder
        super().__init__(ufrag, pwd, kind, traffic, now)
        self.c.traffic, self.c.shortest = traffic, self.shortest

    @property
    def heard(self) -> int:
        return self.c.heard

    @heard.setter
    def heard(self, now: int) -> None:
        self.c.heard = now

    def link(self, others: tuple[Leg, ...]) -> None:
        super().link(others)
        self.c.other = others[0].c if len(others) == 1 else ffi.NULL

    def bind(self, address: tuple, sock) -> None:
        self.unbind()
        super().bind(address, sock)
        ip, port, *rest = address
        family, scope = (AF_INET6, rest[1]) if rest else (AF_INET, 0)
        lib.crs_bind(self._forwarder, self.c, family, inet_pton(family, ip), port, scope, sock.fileno())

    def unbind(self) -> None:
        if self.address is not None:
            lib.crs_unbind(self._forwarder, self.c)
        super().unbind()


class FastPort(Port):
    """A port whose sockets are drained in C."""

    def __init__(self, forwarder, table: Table, ip: str, port: int):
        self._forwarder = forwarder
        self._left, self._size = ffi.new("int *"), ffi.new("int *")
        self._ip, self._port, self._scope = ffi.new("char[16]"), ffi.new("int *"), ffi.new("uint32_t *")
        super().__init__(table, ip, port)

    def drain(self, fd: int, now: int) -> list[int]:
        if fd in self._wildcards:
            return super().drain(fd, now)
        sock = self._sockets[fd]
        self._left[0] = BATCH
        while (number := lib.crs_forward(self._forwarder, fd, now, self._left)) >= 0:
            odd = self._packet(number)
            self._forward(lambda _, odd=odd: odd, sock, now, 1)
        return []

    def _packet(self, number: int) -> tuple[bytes, tuple]:
        """A packet of the batch and its source, as ``recvfrom`` gives them."""
        data = lib.crs_packet(self._forwarder, number, self._size)
        family = lib.crs_source(self._forwarder, number, self._ip, self._port, self._scope)
        ip = inet_ntop(family, ffi.buffer(self._ip, 4 if family == AF_INET else 16))
        source = (ip, self._port[0]) if family == AF_INET else (ip, self._port[0], 0, self._scope[0])
        return ffi.buffer(data, self._size[0])[:], source
