"""Media offload: conversations of two bound legs are forwarded in the network driver (``xdp.bpf.c``), where that works.

Lives here: which device, what of the table the program is told, and what it counted. Never here: rules, and the system
calls (``bpf``). Legs and traffic keep what they are, and tell the program of it beside; so they are made of those of
the socket layer, whichever that is. What the program does not know of, or does not want, comes up to that.
"""

import socket
import struct
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from crs import log

from .. import names
from . import bpf, devices
from .leg import Leg, Traffic

LOG = log.get("relay")
PROGRAM = Path(__file__).with_name("xdp.bpf.o")
MAX_LEGS = 1 << 16  # these as in xdp.bpf.c
KINDS, MAX_COUNTS = 8, 512 * 8
END, COUNT = struct.Struct("=Q8s"), struct.Struct("=QQ48x")


def offload(wanted: str, listen: str) -> "Offload | None":
    """What ``media-offload`` asks for, for a relay at the address ``listen``; None: nothing is, or it cannot be had."""
    if wanted == "none":
        return None
    try:
        name = devices.of(names.plain_ip(listen))
        if not PROGRAM.exists():
            raise OSError("the program was not built: clang was not at hand when this was installed")
        found = Offload(name)
    except OSError as error:
        LOG.info(f"No media offload, sockets forward all: {error}")
        return None
    LOG.info(f"Media offload: XDP at {name}")
    return found


class Offload:
    """The program at a device, as long as this process lives, and its maps. Raises OSError."""

    def __init__(self, device: str, program: Path = PROGRAM):
        self._object = bpf.Object(program)
        self._routes, self._knocks = self._object.map("routes"), self._object.map("knocks")
        self._ends = bpf.mapped(self._object.map("ends"), MAX_LEGS * END.size)
        self._counts = bpf.mapped(self._object.map("counts"), MAX_COUNTS * COUNT.size)
        self._free = deque(range(MAX_LEGS))  # in turn, so that none is used again while a packet is still under way
        bpf.attach(self._object.program("crs_forward"), socket.if_nametoindex(device), bpf.XDP, bpf.DRIVER_MODE)

    def take(self) -> int | None:
        """A number for a leg that is bound, if there is one left."""
        return self._free.popleft() if self._free else None

    def give_back(self, number: int) -> None:
        self._free.append(number)

    def meet(self, number: int, flow: bytes | None) -> None:
        """A leg takes its number: it is to be sent to through the neighbour that its Binding came from, if known."""
        neighbour = flow and self._object.look_up(self._knocks, flow, 8)
        END.pack_into(self._ends, number * END.size, 0, neighbour or bytes(8))

    def enter(self, flow: bytes, route: bytes) -> bool:
        """Whether packets of a flow are forwarded so from now on."""
        try:
            self._object.update(self._routes, flow, route)
        except OSError:  # no memory: they go the other way
            return False
        return True

    def leave(self, flow: bytes) -> None:
        self._object.delete(self._routes, flow)

    def heard(self, number: int) -> int:
        """When a packet of a leg was last forwarded, ms; 0: never."""
        return END.unpack_from(self._ends, number * END.size)[0] // 1_000_000

    def counted(self, kind: int) -> tuple[int, int]:
        """Packets and bytes forwarded of one kind."""
        found = [COUNT.unpack_from(self._counts, at * COUNT.size) for at in range(kind, MAX_COUNTS, KINDS)]
        return sum(packets for packets, _ in found), sum(size for _, size in found)


# --- legs and traffic of a table whose conversations are offloaded ----------------------------------------------------


def makers(offload: Offload | None, leg: type[Leg], traffic: type[Traffic], *first) -> tuple[Callable, Callable]:
    """What a table makes legs and traffic with. ``first``: arguments of ``leg`` before those that the table gives."""
    if offload is None:
        return partial(leg, *first), traffic
    return partial(leg_class(leg), offload, *first), traffic_class(traffic, offload)


@cache
def leg_class(base: type[Leg]) -> type[Leg]:
    """Legs as those of ``base``, which the program knows while they are bound. Made with an Offload, then as those."""
    inherited = base.heard  # a slot, or a property

    class OffloadedLeg(base):
        __slots__ = ("_offload", "_number", "_entered")

        def __init__(self, offload: Offload, *given):
            self._offload, self._number = offload, None
            self._entered: tuple[bytes, bytes] | None = None
            super().__init__(*given)

        @property
        def heard(self) -> int:
            last = inherited.__get__(self)
            return last if self._number is None else max(last, self._offload.heard(self._number))

        @heard.setter
        def heard(self, now: int) -> None:
            inherited.__set__(self, now)

        def link(self, others) -> None:
            super().link(others)
            self.settle()

        def bind(self, address, sock) -> None:
            refresh = (address, sock) == (self.address, self.sock)
            super().bind(address, sock)
            if refresh:
                return
            if self._number is None:
                self._number = self._offload.take()
            if self._number is not None:
                self._offload.meet(self._number, flow(address, sock.address))
            self._settle_all()

        def unbind(self) -> None:
            super().unbind()
            self._settle_all()
            if self._number is not None:
                self.heard = self.heard
                self._offload.give_back(self._number)
                self._number = None

        def settle(self) -> None:
            """Have the program know what holds now for the packets of this leg."""
            wanted = self._route()
            if wanted == self._entered:
                return
            if self._entered is not None:
                self._offload.leave(self._entered[0])
            self._entered = wanted if wanted is not None and self._offload.enter(*wanted) else None

        def _settle_all(self) -> None:
            self.settle()
            for other in self.others:
                other.settle()

        def _route(self) -> tuple[bytes, bytes] | None:
            """Where its packets go, if that is to one leg, and both are bound."""
            if len(self.others) != 1:
                return None
            other = self.others[0]
            if None in (self.address, other.address, self._number, other._number):
                return None
            before, after = flow(self.address, self.sock.address), flow(other.sock.address, other.address)
            if before is None or after is None or len(self.address) != len(other.address):
                return None
            return before, route(before, after, self._number, other._number, self.shortest, self.traffic.number)

    return OffloadedLeg


def traffic_class(base: type[Traffic], offload: Offload) -> type[Traffic]:
    """Traffic as that of ``base``, with what the program forwarded. To be made once for each kind."""
    numbers = iter(range(KINDS))

    class OffloadedTraffic(base):
        __slots__ = ("number",)

        def __init__(self):
            super().__init__()
            self.number = next(numbers)

        def total(self) -> Traffic:
            below, total = super().total(), Traffic()
            for name in Traffic.__slots__:
                setattr(total, name, getattr(below, name))
            packets, size = offload.counted(self.number)
            total.rx, total.rx_bytes = total.rx + packets, total.rx_bytes + size
            total.tx, total.tx_bytes = total.tx + packets, total.tx_bytes + size
            return total

    return OffloadedTraffic


def flow(source: tuple, destination: tuple) -> bytes | None:
    """``struct flow``. None for link-local addresses: their scope is not in a packet."""
    if any(any(rest[1:]) for _, _, *rest in (source, destination)):
        return None
    ips = [
        socket.inet_pton(socket.AF_INET6 if ":" in one[0] else socket.AF_INET, one[0]).ljust(16, b"\0")
        for one in (source, destination)
    ]
    return b"".join(ips) + struct.pack("!HH", source[1], destination[1])


def route(before: bytes, after: bytes, number: int, other: int, shortest: int, kind: int) -> bytes:
    """``struct route``: packets of one flow become packets of another."""
    addresses = slice(0, 32)
    return after + struct.pack(
        "=HHIIHH", _delta(before, after), _delta(before[addresses], after[addresses]), number, other, shortest, kind
    )


def _delta(before: bytes, after: bytes) -> int:
    """What a ones' complement sum over words grows by (RFC 1624), in this machine's order of bytes."""
    total = sum(word + 0xFFFF - gone for word, gone in zip(_words(after), _words(before), strict=True))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"={len(data) // 2}H", data)
