"""One leg of a relayed flow, the counts of its packets, and what a fast path is told of it. No sockets, no clock.

What a leg may do is decided in ``conversation``.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from ..wire.stun import Address
from .seen import Seen

SILENT = 7_000  # ms after which an address, or a leg, may be taken over; consent checks come every 4 to 6 s


class Kind(StrEnum):
    """Types of relay resources, as in crs-relay.conf and ``show relay``."""

    RTP = "RTP"
    RTP_PROXY = "RTP_PROXY"
    OPAQUE = "OPAQUE"
    OPAQUE_PROXY = "OPAQUE_PROXY"
    OPAQUE_MULTICAST = "OPAQUE_MULTICAST"


SHORTEST = {Kind.RTP: 8, Kind.OPAQUE: 1, Kind.OPAQUE_MULTICAST: 1}  # bytes; 8 is an RTCP header (RFC 3550)


class Traffic:
    """Packets and bytes of all conversations of one kind since the relay started."""

    __slots__ = ("rx", "rx_bytes", "tx", "tx_bytes", "no_destination", "failed")

    def __init__(self) -> None:
        self.rx = self.rx_bytes = 0  # taken from bound addresses, to be forwarded
        self.tx = self.tx_bytes = 0  # handed to the kernel
        self.no_destination = 0  # the other leg is not bound, or its address cannot be sent to
        self.failed = 0  # the kernel refused for another reason

    def add(self, more: "Traffic") -> None:
        for name in Traffic.__slots__:
            setattr(self, name, getattr(self, name) + getattr(more, name))


class LocalEndpoint(Protocol):
    """The relay's own address that a Binding came to, with its sockets (``forward.Endpoint``)."""

    address: Address
    fds: tuple[int, ...]  # by loop
    sendto: Callable[[bytes, Address], int]


class FastPath(Protocol):
    """Forwards media of bound legs without Python: the loop in C (``fast``), the network driver (``xdp``).

    It is told what changes in a leg, after the change, and counts what it forwards.
    """

    def enter(self, leg: "RelayLeg") -> None:
        """There is a new leg, neither bound nor linked."""

    def link(self, leg: "RelayLeg") -> None:
        """The packets of a leg go to ``leg.others`` from here on."""

    def bind(self, leg: "RelayLeg") -> None:
        """A leg is bound to another address than before."""

    def unbind(self, leg: "RelayLeg") -> None:
        """A leg is not bound any more."""

    def leave(self, leg: "RelayLeg") -> None:
        """A leg is gone: it is not bound, and no leg is linked to it."""

    def heard(self, leg: "RelayLeg") -> int:
        """When a packet of the leg was last forwarded here, ms; 0: never, or that is noted in the leg."""

    def counted(self, kind: Kind) -> Traffic:
        """What was forwarded here."""


class RelayLeg:
    """One end of a flow: a username fragment and password, and the address that proved them last."""

    __slots__ = (
        "ufrag",
        "pwd",
        "key",
        "kind",
        "others",
        "traffic",
        "shortest",
        "opaque",
        "address",
        "endpoint",
        "way",
        "heard",
        "proved",
        "seen",
        "_paths",
    )

    def __init__(
        self, ufrag: str, pwd: str, kind: Kind, traffic: Traffic, now: int, paths: Sequence[FastPath] = ()
    ) -> None:
        self.ufrag, self.pwd, self.key = ufrag, pwd, pwd.encode()
        self.kind = kind
        self.others: tuple[RelayLeg, ...] = ()  # where its packets go
        self.traffic = traffic
        self.shortest = SHORTEST[kind]
        self.opaque = kind is not Kind.RTP
        self.address: Address | None = None  # None: not bound
        self.endpoint: LocalEndpoint | None = None  # where the Binding came to, and what is sent to it leaves
        self.way: tuple[Callable[[bytes, Address], int], Address] | None = None  # how to send to it: both of these
        self.heard = now  # when Python last heard ``address``; before that, when the leg was made
        self.proved = now  # when ``address`` was last proved by a fresh Binding
        self.seen = Seen()
        self._paths = paths
        for path in paths:
            path.enter(self)

    def link(self, others: tuple["RelayLeg", ...]) -> None:
        """Have its packets go to ``others``."""
        self.others = others
        for path in self._paths:
            path.link(self)

    def bind(self, address: Address, endpoint: LocalEndpoint) -> None:
        """Take ``address``, instead of the one before if it was bound already."""
        if (address, endpoint) == (self.address, self.endpoint):  # a refresh
            return
        self.address, self.endpoint = address, endpoint
        self.way = endpoint.sendto, address
        for path in self._paths:
            path.bind(self)

    def unbind(self) -> None:
        self.address = self.endpoint = self.way = None
        for path in self._paths:
            path.unbind(self)

    def leave(self) -> None:
        """It is not used any more; it is unbound, and no leg is linked to it."""
        for path in self._paths:
            path.leave(self)

    def last_heard(self) -> int:
        """When a packet last came from its address, on whichever path; before the first, when it was made."""
        return max(self.heard, *(path.heard(self) for path in self._paths)) if self._paths else self.heard

    def silent(self, now: int) -> bool:
        return self.address is None or now - self.last_heard() >= SILENT
