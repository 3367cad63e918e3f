"""Media offload: conversations of two bound legs are forwarded in the network driver (``xdp.bpf.c``), where that works.

A leg tells ``Offload`` of its bindings and links (see ``leg.FastPath``), which enters in the maps of the program what
follows. Packets that the program does not know of, or does not forward, come up to the sockets. No rules here; the
system calls are in ``bpf``.
"""

import socket
import struct
from collections import deque
from pathlib import Path

from crs import log

from .. import names
from ..wire.stun import Address
from . import bpf, devices
from .leg import Kind, RelayLeg, Traffic

LOG = log.get("relay")
PROGRAM = Path(__file__).with_name("xdp.bpf.o")
MAX_LEGS = 1 << 16  # these as in xdp.bpf.c
KINDS, MAX_COUNTS = 8, 512 * 8
NUMBERS = {kind: number for number, kind in enumerate(Kind)}  # what the program calls them
END, COUNT = struct.Struct("=Q8s"), struct.Struct("=QQ48x")


def offload(wanted: str, listen: str) -> "Offload | None":
    """What ``media-offload`` asks for, for a relay at the address ``listen``; None: nothing is, or it cannot be had."""
    if wanted == "none":
        return None
    try:
        name = devices.of(names.plain_ip(listen))
        if not PROGRAM.exists():
            raise OSError("the program was not built: clang was not at hand when this was installed")
        found = Offload(Program(name))
    except OSError as error:
        LOG.info(f"No media offload, sockets forward all: {error}")
        return None
    LOG.info(f"Media offload: XDP at {name}")
    return found


class Program:
    """The program at a device, as long as this process lives, and its maps. Raises OSError."""

    def __init__(self, device: str, file: Path = PROGRAM) -> None:
        self._object = bpf.Object(file)
        self._routes, self._knocks = self._object.map("routes"), self._object.map("knocks")
        self._ends = bpf.mapped(self._object.map("ends"), MAX_LEGS * END.size)
        self._counts = bpf.mapped(self._object.map("counts"), MAX_COUNTS * COUNT.size)
        bpf.attach(self._object.program("crs_forward"), socket.if_nametoindex(device), bpf.XDP, bpf.DRIVER_MODE)

    def meet(self, number: int, flow: bytes | None) -> None:
        """A leg takes its number: it is to be sent to through the neighbour that its Binding came from, if known."""
        neighbour = flow and self._object.look_up(self._knocks, flow, 8)
        END.pack_into(self._ends, number * END.size, 0, neighbour or bytes(8))

    def enter(self, flow: bytes, route: bytes) -> bool:
        """Forward the packets of a flow by ``route``. False where the kernel has no memory: they come up."""
        try:
            self._object.update(self._routes, flow, route)
        except OSError:
            return False
        return True

    def leave(self, flow: bytes) -> None:
        self._object.delete(self._routes, flow)

    def heard(self, number: int) -> int:
        """When a packet of a leg was last forwarded, ms; 0: never."""
        return int(END.unpack_from(self._ends, number * END.size)[0]) // 1_000_000

    def counted(self, kind: int) -> tuple[int, int]:
        """Packets and bytes forwarded of one kind."""
        found = [COUNT.unpack_from(self._counts, at * COUNT.size) for at in range(kind, MAX_COUNTS, KINDS)]
        return sum(packets for packets, _ in found), sum(size for _, size in found)


class Offload:
    """What the legs of a table tell the program (``leg.FastPath``): it forwards between two bound legs."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._free = deque(range(MAX_LEGS))  # in turn, so that none is used again while a packet is still under way
        self._numbers: dict[RelayLeg, int] = {}  # of bound legs, as long as there were free ones
        self._entered: dict[RelayLeg, tuple[bytes, bytes]] = {}  # the flow from a leg, and its route

    def enter(self, leg: RelayLeg) -> None:
        """Nothing to do before it is bound."""

    def link(self, leg: RelayLeg) -> None:
        self._settle(leg)

    def bind(self, leg: RelayLeg) -> None:
        if leg not in self._numbers and self._free:
            self._numbers[leg] = self._free.popleft()
        if leg in self._numbers:
            self._program.meet(self._numbers[leg], flow_from(leg))
        self._settle(leg, *leg.others)

    def unbind(self, leg: RelayLeg) -> None:
        self._settle(leg, *leg.others)
        number = self._numbers.pop(leg, None)
        if number is not None:
            leg.heard = max(leg.heard, self._program.heard(number))  # the number will be another leg's
            self._free.append(number)

    def leave(self, leg: RelayLeg) -> None:
        """Nothing is kept of a leg that is not bound."""

    def heard(self, leg: RelayLeg) -> int:
        number = self._numbers.get(leg)
        return 0 if number is None else self._program.heard(number)

    def counted(self, kind: Kind) -> Traffic:
        total = Traffic()
        total.rx, total.rx_bytes = total.tx, total.tx_bytes = self._program.counted(NUMBERS[kind])
        return total

    def _settle(self, *legs: RelayLeg) -> None:
        """Have the program know what holds now for the packets of these legs."""
        for leg in legs:
            wanted, entered = self._route(leg), self._entered.get(leg)
            if wanted == entered:
                continue
            if entered is not None:
                self._program.leave(entered[0])
                del self._entered[leg]
            if wanted is not None and self._program.enter(*wanted):
                self._entered[leg] = wanted

    def _route(self, leg: RelayLeg) -> tuple[bytes, bytes] | None:
        """The flow from a leg and where its packets go, if that is to one leg, and both are bound."""
        if len(leg.others) != 1:
            return None
        other = leg.others[0]
        number, onward = self._numbers.get(leg), self._numbers.get(other)
        if leg.address is None or other.address is None or number is None or onward is None:
            return None
        before, after = flow_from(leg), flow_to(other)
        if before is None or after is None or len(leg.address) != len(other.address):  # IPv4 and IPv6
            return None
        return before, route(before, after, number, onward, leg.shortest, NUMBERS[leg.kind])


def flow_from(leg: RelayLeg) -> bytes | None:
    """The flow of what a leg sends. None where it is not bound, and where ``flow`` gives none."""
    return None if leg.address is None or leg.endpoint is None else flow(leg.address, leg.endpoint.address)


def flow_to(leg: RelayLeg) -> bytes | None:
    """The flow of what is sent to a leg. None as in ``flow_from``."""
    return None if leg.address is None or leg.endpoint is None else flow(leg.endpoint.address, leg.address)


def flow(source: Address, destination: Address) -> bytes | None:
    """``struct flow``. None for link-local addresses: their scope is not in a packet."""
    if any(any(address[3:]) for address in (source, destination)):
        return None
    ips = [
        socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip).ljust(16, b"\0")
        for ip in (source[0], destination[0])
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
