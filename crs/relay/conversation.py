"""Conversations: the legs of relayed flows, who may bind an address to them, limits, expiry and counters.

Lives here: every rule about a leg. Never here: sockets and clocks. ``now`` is milliseconds of any steady clock;
addresses are tuples as a socket gives them; a ``sock`` is only kept, for those who send to a leg.

The socket layer forwards by itself what comes from an address in ``Table.bound`` and cannot be STUN; all other
packets it gives to ``Table.receive``. One thread at a time: ``forward.Port.lock``.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice

from crs.errors import CrsError

from ..wire import stun
from .leg import SHORTEST, Kind, Leg, Traffic

MAX_PACKET = 1500  # bytes of UDP payload
CONSENT = 30_000  # ms that a Binding holds (RFC 7675, chapter 5.1)
MAX_LEGS = 64  # legs of a multicast
FORWARD = object()  # what receive() says of a packet to be forwarded


class Refused(CrsError):
    """A command was refused. ``word`` is what the control protocol says."""

    word = "bad-request"


class LimitReached(Refused):
    """crs-relay.conf allows no more conversations of this kind."""

    word = "limit"


class Conflict(Refused):
    """The name of the conversation, or a username fragment, is in use for something else."""

    word = "conflict"


class Conversation:
    """Legs whose packets go to each other. ``identifiers`` are for ``show relays`` only."""

    __slots__ = ("name", "serial", "kind", "legs", "identifiers", "polled")

    def __init__(self, name: str, serial: int, kind: Kind, legs: list[Leg], identifiers: list[str], now: int):
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
        return max(leg.heard for leg in self.legs)


class Table:
    """All conversations of this relay.

    ``limits``: the most conversations of a kind, None for no limit. ``expiry``: ms without poll and packet after
    which a conversation ends. ``relays``: (ip, port) of relays, never bound to a leg: packets could go round for ever.
    ``leg`` and ``traffic`` make those of the socket layer.
    """

    def __init__(
        self,
        limits: dict[str, int | None],
        expiry: int,
        relays: Iterable[tuple[str, int]] = (),
        leg: Callable[..., Leg] = Leg,
        traffic: Callable[[], Traffic] = Traffic,
    ):
        self.limits = limits
        self.expiry = expiry
        self.relays = frozenset(relays)
        self.bound: dict[tuple, Leg] = {}
        self.traffic = {kind: traffic() for kind in Kind}
        self._new_leg = leg
        self.dropped = dict.fromkeys(
            (
                "tooShort",
                "tooLong",
                "unbound",
                "malformed",
                "unknownLeg",
                "notAuthentic",
                "replayed",
                "taken",
                "smallRequest",
            ),
            0,
        )  # packets, by cause
        self.answered = 0  # Bindings
        self._legs: dict[bytes, Leg] = {}
        self._conversations: dict[str, Conversation] = {}  # in the order of their serials
        self._count = Counter()
        self._serial = 0

    # --- commands ---------------------------------------------------------------------------------------------------

    def add(self, name: str, kind: Kind, credentials: list[tuple[str, str]], identifiers: list[str], now: int) -> bool:
        """Make a conversation with legs (ufrag, pwd); returns whether it is new.

        The same conversation again is fine. Of a multicast the legs may differ: it then has those that are given, and
        who keeps its leg keeps its binding. Raises LimitReached, Conflict, Refused.
        """
        if kind not in SHORTEST:
            raise Refused(f"{kind} relays are not served by this release")
        multicast = kind is Kind.OPAQUE_MULTICAST
        if not (1 if multicast else 2) <= len(credentials) <= (MAX_LEGS if multicast else 2):
            raise Refused(f"{kind} takes 1 to {MAX_LEGS} legs" if multicast else f"{kind} takes 2 legs")
        known = self._conversations.get(name)
        if known is not None:
            if known.kind is not kind or not multicast and known.credentials() != credentials:
                raise Conflict(f"conversation {name} exists with other legs")
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
        """Give a conversation other legs; those that stay are not touched. Raises Conflict."""
        kept = {(leg.ufrag, leg.pwd): leg for leg in known.legs if (leg.ufrag, leg.pwd) in credentials}
        self._check_free(credentials, kept)
        gone = [leg for leg in known.legs if (leg.ufrag, leg.pwd) not in kept]
        known.legs = [kept.get(one) or self._make(*one, known.kind, now) for one in credentials]
        known.identifiers = identifiers
        known.link()
        for leg in gone:
            self._let_go(leg)

    def _check_free(self, credentials: list[tuple[str, str]], kept: Collection[tuple[str, str]]) -> None:
        """Each fragment is there once, and all but those of ``kept`` are new. Raises Conflict."""
        taken = [ufrag for ufrag, pwd in credentials if (ufrag, pwd) not in kept and ufrag.encode() in self._legs]
        if taken or len({ufrag for ufrag, _ in credentials}) < len(credentials):
            raise Conflict("a username fragment is in use by another leg")

    def _make(self, ufrag: str, pwd: str, kind: Kind, now: int) -> Leg:
        leg = self._legs[ufrag.encode()] = self._new_leg(ufrag, pwd, kind, self.traffic[kind], now)
        return leg

    def _let_go(self, leg: Leg) -> None:
        self._unbind(leg)
        leg.link(())  # those that link to each other would be freed by the collector alone, and late
        del self._legs[leg.ufrag.encode()]

    def remove(self, name: str) -> bool:
        """End a conversation and free its addresses; returns whether there was one."""
        gone = self._conversations.pop(name, None)
        if gone is None:
            return False
        self._count[gone.kind] -= 1
        for leg in gone.legs:
            self._let_go(leg)
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
        return islice((one for one in self._conversations.values() if one.serial > after), limit)

    # --- packets ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: tuple, sock, now: int):
        """Judge one packet: FORWARD (its source is bound), an answer to send back (bytes), or None (dropped)."""
        leg = self.bound.get(source)
        if len(data) > MAX_PACKET:
            return self._drop("tooLong")
        if stun.looks_like_stun(data):
            message = stun.parse(data)
            addressed = message and self._legs.get(message.fragment)
            if addressed is not None:
                return self._binding(addressed, message, data, source, sock, now)
            if leg is None or not leg.opaque:
                return self._drop("malformed" if message is None else "unknownLeg")
        elif leg is None:
            return self._drop("unbound" if data else "tooShort")
        elif len(data) < leg.shortest:
            return self._drop("tooShort")
        return FORWARD

    def _binding(self, leg: Leg, message: stun.Message, data: bytes, source: tuple, sock, now: int):
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
                self._bind(leg, message, source, sock, now)
        elif source != leg.address:  # from the bound address it is a client's retransmission
            return self._drop("replayed")
        self.answered += 1
        return answer

    def _bind(self, leg: Leg, message: stun.Message, source: tuple, sock, now: int) -> None:
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
        leg.bind(source, sock)
        leg.heard = leg.proved = now

    def _unbind(self, leg: Leg) -> None:
        if leg.address is not None:
            del self.bound[leg.address]
            leg.unbind()

    def _drop(self, cause: str) -> None:
        self.dropped[cause] += 1
