"""The relay's port with its path of a packet in C (``fast.c``), where that was built: a loop for each core.

No rules here: whatever C does not forward by itself takes the way of ``forward``, in its turn. C is told of bindings
and links through functions that lock. What C forwarded is counted there, what Python did, in ``leg.Traffic``.
"""

import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any

from ..wire.stun import Address
from .conversation import ConversationTable
from .forward import Port
from .leg import FastPath, Kind, RelayLeg, Traffic

try:
    from ._fast import ffi, lib
except ImportError:  # no compiler when this was installed
    ffi = lib = None

LOOP = "Python" if lib is None else "C"
MAX_LOOPS = 4  # as in fast_table.h
BATCH = 1024  # packets until other sockets get their turn: some milliseconds

Pointer = Any  # to a struct of C; cffi has no types for them


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
    further: Sequence[FastPath] = (),
) -> Port:
    """A port with a new table (see ``ConversationTable``), of the fastest kind there is. Raises OperatorFault.

    ``further``: fast paths beside the one in C.
    """
    if lib is None:
        return Port(ConversationTable(limits, expiry, relays, further), ip, port)
    path = CPath()
    return FastPort(path, ConversationTable(limits, expiry, relays, [path, *further]), ip, port, loops())


class CPath:
    """The path of a packet in C, as a leg sees it (``leg.FastPath``), for all loops of one table."""

    def __init__(self) -> None:
        self.table: Pointer = ffi.gc(lib.crs_open_table(secrets.randbits(64)), lib.crs_close_table)
        self._legs: dict[RelayLeg, Pointer] = {}
        self._traffic: dict[Kind, Pointer] = {kind: ffi.new("struct crs_traffic *") for kind in Kind}

    def enter(self, leg: RelayLeg) -> None:
        c = self._legs[leg] = ffi.new("struct crs_leg *")
        c.traffic, c.shortest = self._traffic[leg.kind], leg.shortest

    def link(self, leg: RelayLeg) -> None:
        other = self._legs[leg.others[0]] if len(leg.others) == 1 else ffi.NULL
        lib.crs_link(self.table, self._legs[leg], other)

    def bind(self, leg: RelayLeg) -> None:
        if leg.address is None or leg.endpoint is None:
            raise ValueError("the leg is not bound")
        ip, port, *rest = leg.address
        family, scope = (AF_INET6, rest[1]) if rest else (AF_INET, 0)
        fds = (leg.endpoint.fds * MAX_LOOPS)[:MAX_LOOPS]
        lib.crs_bind(self.table, self._legs[leg], family, inet_pton(family, ip), port, scope, fds)

    def unbind(self, leg: RelayLeg) -> None:
        lib.crs_unbind(self.table, self._legs[leg])

    def leave(self, leg: RelayLeg) -> None:
        del self._legs[leg]  # and so its memory

    def heard(self, leg: RelayLeg) -> int:
        return int(self._legs[leg].heard)

    def counted(self, kind: Kind) -> Traffic:
        total = Traffic()
        for loop in self._traffic[kind].by:
            total.add(loop)
        return total


class FastPort(Port):
    """A port whose sockets are drained in C."""

    def __init__(self, path: CPath, table: ConversationTable, ip: str, port: int, loops: int) -> None:
        self._batches = [Batch(path, loop) for loop in range(loops)]
        super().__init__(table, ip, port, loops)

    def drain(self, fd: int, now: int) -> list[tuple[int, int]]:
        if fd in self._wildcards:
            return super().drain(fd, now)
        endpoint, loop = self._endpoints[fd]
        batch = self._batches[loop]
        batch.left[0] = BATCH
        while (number := lib.crs_forward(batch.c, fd, now, batch.left)) >= 0:
            packet = batch.packet(number)
            with self.lock:
                self._forward((packet,), endpoint, now)
        return []


class Batch:
    """The C part of one loop, and the memory that it answers in."""

    def __init__(self, path: CPath, loop: int) -> None:
        self._table = path.table  # must live as long as the loop
        self.c: Pointer = ffi.gc(lib.crs_open_loop(path.table, loop), lib.crs_close_loop)
        self.left: Pointer = ffi.new("int *")
        self._data, self._size = ffi.new("const void **"), ffi.new("int *")
        self._ip, self._port, self._scope = ffi.new("char[16]"), ffi.new("int *"), ffi.new("uint32_t *")

    def packet(self, number: int) -> tuple[bytes, Address]:
        """A packet of the batch and its source, as ``recvfrom`` gives them."""
        family = lib.crs_packet(self.c, number, self._data, self._size, self._ip, self._port, self._scope)
        ip = inet_ntop(family, ffi.buffer(self._ip, 4 if family == AF_INET else 16))
        source = (ip, self._port[0]) if family == AF_INET else (ip, self._port[0], 0, self._scope[0])
        return ffi.buffer(self._data[0], self._size[0])[:], source
