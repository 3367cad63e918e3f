"""One end of a flow, and the counts of its packets.

Lives here: what is known of a leg. Never here: what it may do (``conversation``). A socket layer in C has legs and
traffic of its own make (``fast``), so that it finds bindings in C and leaves its counts there.
"""

from enum import StrEnum

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

    def __init__(self):
        self.rx = self.rx_bytes = 0  # taken from bound addresses, to be forwarded
        self.tx = self.tx_bytes = 0  # handed to the kernel
        self.no_destination = 0  # the other leg is not bound, or its address cannot be sent to
        self.failed = 0  # the kernel refused for another reason

    def total(self) -> "Traffic":
        """All of it, also what was not counted here (``fast``)."""
        return self


class Leg:
    """One end of a flow: a username fragment and password, and the address that proved them last."""

    __slots__ = (
        "ufrag",
        "pwd",
        "key",
        "others",
        "traffic",
        "shortest",
        "opaque",
        "address",
        "sock",
        "heard",
        "proved",
        "seen",
    )

    def __init__(self, ufrag: str, pwd: str, kind: Kind, traffic: Traffic, now: int):
        self.ufrag, self.pwd, self.key = ufrag, pwd, pwd.encode()
        self.others: tuple[Leg, ...] = ()  # where its packets go
        self.traffic = traffic
        self.shortest = SHORTEST[kind]
        self.opaque = kind is not Kind.RTP
        self.address: tuple | None = None  # None: not bound
        self.sock = None  # what was addressed, and what to send to it with
        self.heard = now  # when anything last came from ``address``; before that, when it was made
        self.proved: int | None = None  # when it was last proved by a fresh Binding
        self.seen = Seen()

    def link(self, others: tuple["Leg", ...]) -> None:
        """Have its packets go to ``others``."""
        self.others = others

    def bind(self, address: tuple, sock) -> None:
        """Take ``address``, instead of the one before if it was bound already."""
        self.address, self.sock = address, sock

    def unbind(self) -> None:
        self.address = self.sock = None

    def silent(self, now: int) -> bool:
        return self.address is None or now - self.heard >= SILENT
