"""The relay's port with its path of a packet in C (``fast.c``), where that was built: a loop for each core.

Lives here: what ties the C part to conversations and sockets. Never here: rules (``conversation``). Whatever C does not
forward by itself takes the way of ``forward``, in its turn.

C has what it needs of a leg in memory that both read and write; what Python changes there goes through functions that
lock. What C forwarded is counted there, what Python did, here.
"""

import os
import secrets
import socket
from collections.abc import Iterable
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from .conversation import Table
from .forward import Door, Port
from .leg import Kind, Leg, Traffic
from .xdp import Offload, makers

try:
    from ._fast import ffi, lib
except ImportError:  # no compiler when this was installed
    ffi = lib = None

LOOP = "Python" if lib is None else "C"
MAX_LOOPS = 4  # as in fast_table.h
BATCH = 1024  # packets until other sockets get their turn: some milliseconds


def loops() -> int:
    """How many threads this process is to forward with: one for each core that it may use, as far as that is built."""
    if lib is None or not hasattr(socket, "SO_REUSEPORT"):
        return 1
    return min(MAX_LOOPS, len(os.sched_getaffinity(0)))


def means(loops: int) -> str:
    """What forwards, in words."""
    return f"{LOOP}, {loops} loop{'s' if loops > 1 else ''}"


def open_port(
    limits: dict[str, int | None],
    expiry: int,
    relays: Iterable[tuple[str, int]],
    ip: str,
    port: int,
    offload: Offload | None = None,
) -> Port:
    """A port with a new table (``conversation.Table``), of the fastest kind there is. Raises OperatorFault."""
    if lib is None:
        return Port(Table(limits, expiry, relays, *makers(offload, Leg, Traffic)), ip, port)
    c = new_c_table()
    return FastPort(c, new_table(c, limits, expiry, relays, offload), ip, port, loops())


def new_c_table():
    """The C part of a table: the addresses of its bound legs."""
    return ffi.gc(lib.crs_open_table(secrets.randbits(64)), lib.crs_close_table)


def new_table(
    c,
    limits: dict[str, int | None],
    expiry: int,
    relays: Iterable[tuple[str, int]] = (),
    offload: Offload | None = None,
) -> Table:
    """A table whose bindings the C part ``c`` knows."""
    return Table(limits, expiry, relays, *makers(offload, FastLeg, FastTraffic, c))


class FastTraffic(Traffic):
    """What Python forwarded; and in ``c``, by loop, what C did."""

    __slots__ = ("c",)

    def __init__(self):
        super().__init__()
        self.c = ffi.new("struct crs_traffic *")

    def total(self) -> Traffic:
        total = Traffic()
        for name in Traffic.__slots__:
            setattr(total, name, sum((getattr(one, name) for one in self.c.by), getattr(self, name)))
        return total


class FastLeg(Leg):
    """A leg that C knows, too: what it must know is written through. Unbound before it is let go."""

    __slots__ = ("c", "_table")

    def __init__(self, table, ufrag: str, pwd: str, kind: Kind, traffic: FastTraffic, now: int):
        self.c, self._table = ffi.new("struct crs_leg *"), table
        super().__init__(ufrag, pwd, kind, traffic, now)
        self.c.traffic, self.c.shortest = traffic.c, self.shortest

    @property
    def heard(self) -> int:
        return self.c.heard

    @heard.setter
    def heard(self, now: int) -> None:
        self.c.heard = now

    def link(self, others: tuple[Leg, ...]) -> None:
        super().link(others)
        lib.crs_link(self._table, self.c, others[0].c if len(others) == 1 else ffi.NULL)

    def bind(self, address: tuple, door: Door) -> None:
        if (address, door) == (self.address, self.sock):  # a refresh
            return
        super().bind(address, door)
        ip, port, *rest = address
        family, scope = (AF_INET6, rest[1]) if rest else (AF_INET, 0)
        fds = (door.fds * MAX_LOOPS)[:MAX_LOOPS]
        lib.crs_bind(self._table, self.c, family, inet_pton(family, ip), port, scope, fds)

    def unbind(self) -> None:
        super().unbind()
        lib.crs_unbind(self._table, self.c)


class FastPort(Port):
    """A port whose sockets are drained in C."""

    def __init__(self, c, table: Table, ip: str, port: int, loops: int):
        self._batches = [Batch(c, loop) for loop in range(loops)]
        super().__init__(table, ip, port, loops)

    def drain(self, fd: int, now: int) -> list[tuple[int, int]]:
        if fd in self._wildcards:
            return super().drain(fd, now)
        door, loop = self._doors[fd]
        batch = self._batches[loop]
        batch.left[0] = BATCH
        while (number := lib.crs_forward(batch.c, fd, now, batch.left)) >= 0:
            odd = batch.packet(number)
            with self.lock:
                self._forward(lambda _, odd=odd: odd, door, now, 1)
        return []


class Batch:
    """The C part of one loop, and where it leaves what it tells."""

    def __init__(self, c, loop: int):
        self._table = c  # lives as long
        self.c = ffi.gc(lib.crs_open_loop(c, loop), lib.crs_close_loop)
        self.left, self._data, self._size = ffi.new("int *"), ffi.new("const void **"), ffi.new("int *")
        self._ip, self._port, self._scope = ffi.new("char[16]"), ffi.new("int *"), ffi.new("uint32_t *")

    def packet(self, number: int) -> tuple[bytes, tuple]:
        """A packet of the batch and its source, as ``recvfrom`` gives them."""
        family = lib.crs_packet(self.c, number, self._data, self._size, self._ip, self._port, self._scope)
        ip = inet_ntop(family, ffi.buffer(self._ip, 4 if family == AF_INET else 16))
        source = (ip, self._port[0]) if family == AF_INET else (ip, self._port[0], 0, self._scope[0])
        return ffi.buffer(self._data[0], self._size[0])[:], source
