"""Conversations: the legs of relayed flows, who may bind an address to them, limits, expiry and counters.

Every rule about a leg is here. No sockets and no clocks: ``now`` is milliseconds of any steady clock; an endpoint is
only kept, for those who send to a leg.

The socket layer forwards plain media of bound addresses by itself, and gives all other packets to
``ConversationTable.receive``. One thread at a time: ``forward.Port.lock``.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from crs.errors import CrsError

from ..wire import stun
from ..wire.stun import FIRST_MEDIA, Address
from .leg import SHORTEST, FastPath, Kind, LocalEndpoint, RelayLeg, Traffic

MAX_PACKET = 1500  # bytes of UDP payload
CONSENT = 30_000  # ms that a Binding holds (RFC 7675, chapter 5.1)
MAX_LEGS = 64  # legs of a multicast
CAUSES = (  # of which a packet is dropped, as ``show relay`` calls them
    *("tooShort", "tooLong", "unbound", "malformed", "unknownLeg"),
    *("notAuthentic", "replayed", "taken", "smallRequest"),
)


def plain_media(leg: RelayLeg, data: bytes, size: int) -> bool:
    """Whether a packet of ``size`` bytes from the address of a leg is plain media: forwarded without another look.

    That is one of a size that media may have, and that cannot be STUN by its first byte (RFC 7983). The functions of
    this name in fast.c and xdp.bpf.c decide the same.
    """
    return leg.shortest <= size <= MAX_PACKET and data[0] >= FIRST_MEDIA


class CommandRefused(CrsError):
    """A command was refused. ``word`` is what the control protocol says."""

    word = "bad-request"


class LimitReached(CommandRefused):
    """crs-relay.conf allows no more conversations of this kind."""

    word = "limit"


class InUse(CommandRefused):
    """The name of the conversation, or a username fragment, is in use for something else."""

    word = "conflict"


class Conversation:
    """Legs whose packets go to each other. ``identifiers`` are for ``show relays`` only."""

    __slots__ = ("name", "serial", "kind", "legs", "identifiers", "polled")

    def __init__(
        self, name: str, serial: int, kind: Kind, legs: list[RelayLeg], identifiers: list[str], now: int
    ) -> None:
        self.name, self.serial, self.kind, self.identifiers = name, serial, kind, identifiers
        self.polled = now
        self.legs = legs
        self.link()

    def link(self) -> None:
        """Have the packets of each leg go to all others."""
        for leg in self.legs:
            leg.link(tuple(other for other in self.legs if other is not leg))

    def credentials(self) -> list[tuple[str, str]]:
        return [(leg.ufrag, leg.pwd) for leg in self.legs]

    def nodes(self) -> int:
        """How many legs are bound."""
        return sum(leg.address is not None for leg in self.legs)

    def last_active(self) -> int:
        """When a packet last came in; before the first one, when the conversation was added."""
        return max(leg.last_heard() for leg in self.legs)


class ConversationTable:
    """All conversations of this relay.

    ``limits``: the most conversations of a kind, None for no limit. ``expiry``: ms without poll and packet after
    which a conversation ends. ``relays``: (ip, port) of relays, never bound to a leg: packets could go round for ever.
    ``paths``: the fast paths, which are told of every leg.
    """

    def __init__(
        self,
        limits: dict[str, int | None],
        expiry: int,
        relays: Iterable[tuple[str, int]] = (),
        paths: Sequence[FastPath] = (),
    ) -> None:
        self.limits = limits
        self.expiry = expiry
        self.relays = frozenset(relays)
        self.bound: dict[Address, RelayLeg] = {}
        self._traffic = {kind: Traffic() for kind in Kind}  # of packets that Python forwarded
        self._paths = paths
        self.dropped = dict.fromkeys(CAUSES, 0)  # packets
        self.answered = 0  # Bindings
        self._legs: dict[bytes, RelayLeg] = {}
        self._conversations: dict[str, Conversation] = {}  # in the order of their serials
        self._count: Counter[Kind] = Counter()
        self._serial = 0

    # --- commands ---------------------------------------------------------------------------------------------------

    def add(self, name: str, kind: Kind, credentials: list[tuple[str, str]], identifiers: list[str], now: int) -> bool:
        """Make a conversation with legs (ufrag, pwd); returns whether it is new.

        The same conversation again is fine. Of a multicast the legs may differ: it then has those that are given, and
        a leg that stays keeps its binding. Raises LimitReached, InUse, CommandRefused.
        """
        if kind not in SHORTEST:
            raise CommandRefused(f"{kind} relays are not served by this release")
        multicast = kind is Kind.OPAQUE_MULTICAST
        if not (1 if multicast else 2) <= len(credentials) <= (MAX_LEGS if multicast else 2):
            raise CommandRefused(f"{kind} takes 1 to {MAX_LEGS} legs" if multicast else f"{kind} takes 2 legs")
        known = self._conversations.get(name)
        if known is not None:
            if known.kind is not kind or not multicast and known.credentials() != credentials:
                raise InUse(f"conversation {name} exists with other legs")
            known.polled = now
            if known.credentials() != credentials:
                self._change(known, credentials, identifiers, now)
            return False
        self._check_free(credentials, ())
        limit = self.limits.get(kind)
        if limit is not None and self._count[kind] >= limit:
            raise LimitReached(f"{limit} {kind} relays exist, the limit in crs-relay.conf")
        self._serial += 1
        legs = [self._make(ufrag, pwd, kind, now) for ufrag, pwd in credentials]
        self._conversations[name] = Conversation(name, self._serial, kind, legs, identifiers, now)
        self._count[kind] += 1
        return True

    def _change(
        self, known: Conversation, credentials: list[tuple[str, str]], identifiers: list[str], now: int
    ) -> None:
        """Give a conversation other legs; those that stay are not touched. Raises InUse."""
        kept = {(leg.ufrag, leg.pwd): leg for leg in known.legs if (leg.ufrag, leg.pwd) in credentials}
        self._check_free(credentials, kept)
        gone = [leg for leg in known.legs if (leg.ufrag, leg.pwd) not in kept]
        known.legs = [kept.get((ufrag, pwd)) or self._make(ufrag, pwd, known.kind, now) for ufrag, pwd in credentials]
        known.identifiers = identifiers
        known.link()
        self._let_go(gone)

    def _check_free(self, credentials: list[tuple[str, str]], kept: Collection[tuple[str, str]]) -> None:
        """Each fragment is there once, and all but those of ``kept`` are new. Raises InUse."""
        taken = [ufrag for ufrag, pwd in credentials if (ufrag, pwd) not in kept and ufrag.encode() in self._legs]
        if taken or len({ufrag for ufrag, _ in credentials}) < len(credentials):
            raise InUse("a username fragment is in use by another leg")

    def _make(self, ufrag: str, pwd: str, kind: Kind, now: int) -> RelayLeg:
        leg = self._legs[ufrag.encode()] = RelayLeg(ufrag, pwd, kind, self._traffic[kind], now, self._paths)
        return leg

    def _let_go(self, legs: list[RelayLeg]) -> None:
        """End legs that are linked to each other alone."""
        for leg in legs:
            self._unbind(leg)
            leg.link(())  # those that link to each other would be freed by the collector alone, and late
            del self._legs[leg.ufrag.encode()]
        for leg in legs:
            leg.leave()

    def remove(self, name: str) -> bool:
        """End a conversation and free its addresses; returns whether there was one."""
        gone = self._conversations.pop(name, None)
        if gone is None:
            return False
        self._count[gone.kind] -= 1
        self._let_go(gone.legs)
        return True

    def poll(self, names: Iterable[str], now: int) -> list[str]:
        """Keep these conversations; returns those that are unknown here."""
        unknown = []
        for name in names:
            conversation = self._conversations.get(name)
            if conversation is None:
                unknown.append(name)
            else:
                conversation.polled = now
        return unknown

    def sweep(self, now: int) -> list[str]:
        """Unbind legs whose consent ran out, end conversations that nobody polls or uses; returns the ended ones."""
        for leg in [leg for leg in self.bound.values() if now - leg.proved >= CONSENT]:
            self._unbind(leg)
        ended = [
            name
            for name, conversation in self._conversations.items()
            if now - conversation.polled >= self.expiry and now - conversation.last_active() >= self.expiry
        ]
        for name in ended:
            self.remove(name)
        return ended

    def conversations(self, after: int, limit: int) -> Iterator[Conversation]:
        """At most ``limit`` conversations with a serial greater than ``after``, in order."""
        newer = (conversation for conversation in self._conversations.values() if conversation.serial > after)
        return islice(newer, limit)

    def traffic(self) -> dict[Kind, Traffic]:
        """What was forwarded of each kind, on all paths."""
        total = {kind: Traffic() for kind in Kind}
        for kind, counts in total.items():
            counts.add(self._traffic[kind])
            for path in self._paths:
                counts.add(path.counted(kind))
        return total

    # --- packets ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address, endpoint: LocalEndpoint, now: int) -> RelayLeg | bytes | None:
        """Judge any packet: the leg to forward it from, an answer to send back (bytes), or None (dropped)."""
        leg = self.bound.get(source)
        if len(data) > MAX_PACKET:
            return self._drop("tooLong")
        if stun.looks_like_stun(data):
            message = stun.parse(data)
            if message is not None:
                addressed = self._legs.get(message.fragment)
                if addressed is not None:
                    return self._binding(addressed, message, data, source, endpoint, now)
            if leg is None or not leg.opaque:
                return self._drop("malformed" if message is None else "unknownLeg")
        elif leg is None:
            return self._drop("unbound" if data else "tooShort")
        elif len(data) < leg.shortest:
            return self._drop("tooShort")
        return leg

    def _binding(
        self, leg: RelayLeg, message: stun.Message, data: bytes, source: Address, endpoint: LocalEndpoint, now: int
    ) -> bytes | None:
        """Answer a Binding request for ``leg``, if it is authentic, new, and not shorter than the answer."""
        if message.type != stun.BINDING_REQUEST:
            return self._drop("malformed")
        integrity = stun.authenticate(data, message, leg.key)
        if integrity is None:
            return self._drop("notAuthentic")
        answer = (
            stun.refusal(message, integrity, leg.key)
            if message.unknown
            else stun.success(message, integrity, leg.key, source)
        )
        if len(answer) > len(data):
            return self._drop("smallRequest")
        holder = self.bound.get(source)
        if source[:2] in self.relays or holder is not None and holder is not leg and not holder.silent(now):
            return self._drop("taken")
        if leg.seen.add(message.transaction):
            if not message.unknown:
                self._bind(leg, message, source, endpoint, now)
        elif source != leg.address:  # from the bound address it is a client's retransmission
            return self._drop("replayed")
        self.answered += 1
        return answer

    def _bind(self, leg: RelayLeg, message: stun.Message, source: Address, endpoint: LocalEndpoint, now: int) -> None:
        """Bind ``source`` to ``leg``, or refresh it.

        An ICE agent tries several addresses and then nominates one: as long as the leg lives, a check that does not
        nominate moves nothing (RFC 8445, chapter 8.2). A plain Binding (no PRIORITY) always means this address.
        """
        if source != leg.address:
            checks = stun.PRIORITY in message.attributes and stun.USE_CANDIDATE not in message.attributes
            if checks and not leg.silent(now):
                return
            if source in self.bound:
                self._unbind(self.bound[source])
            if leg.address is not None:
                del self.bound[leg.address]
            self.bound[source] = leg
        leg.bind(source, endpoint)
        leg.heard = leg.proved = now

    def _unbind(self, leg: RelayLeg) -> None:
        if leg.address is not None:
            del self.bound[leg.address]
            leg.unbind()

    def _drop(self, cause: str) -> bytes | None:
        """Count a packet that is dropped; the result is the verdict, always None."""
        self.dropped[cause] += 1
        return None
