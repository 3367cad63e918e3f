"""Callers and callees for the load: set-ups one after another, and calls that are held while media flows.

A held leg has a UDP socket of its own, binds as ``doc/relay.md`` says, and sends numbered packets that the other end
counts.
"""

import os
from collections.abc import Callable
from time import monotonic
from typing import Any

from crs.wire import stun

from . import crs
from .crs import GO, CrsUser, ask, attached, told
from .link import Conversation, LoadRefused, Talk, TlsLink
from .loop import LoadLoop, udp_socket

Leg = dict[str, Any]  # as in the JSON of the protocol
Hold = Callable[[list[Leg]], None]
CallPair = tuple[CrsUser, CrsUser]  # caller, callee

RINGING, ACCEPT, INVITE, HANGUP = 11, 12, 13, 14  # ids of requests
MEDIA_BYTES = 172  # an RTP packet of 20 ms G.711
BIND_EACH = 10.0  # seconds between Binding requests of a bound leg
BIND_AGAIN = 0.25  # and of a leg without an answer yet


class Setups:
    """The set-ups of one run: seconds from invite to accepted, and each step counted where it arrives."""

    def __init__(self, seconds: float):
        self.times: list[float] = []
        self.invited = self.rang = self.accepted = self.ended = 0
        self.busy = 0
        self.seconds = seconds
        self._end = 0.0

    def begin(self) -> None:
        self._end = monotonic() + self.seconds

    def over(self) -> bool:
        return monotonic() >= self._end

    def faults(self) -> list[str]:
        steps = {"invited": self.invited, "rang": self.rang, "accepted": self.accepted, "ended": self.ended}
        return (
            [] if len(set(steps.values())) == 1 and not self.busy else [f"steps differ: {steps}, {self.busy} under way"]
        )


def caller(setups: Setups, callee: bytes, name: bytes, hold: Hold | None = None) -> Conversation:
    """Calls, again and again, and hangs up when the other has answered; with ``hold`` once, and ``hold(legs)``."""

    def conversation(link: TlsLink) -> Talk[None]:
        yield from attached(link)
        number, session, since = 0, "", 0.0
        legs: list[Leg] = []

        def invite() -> None:
            nonlocal number, since
            number += 1
            since = monotonic()
            ask(link, INVITE, b"session.invite", b'{"id":"%s-%d","to":"%s","body":"offer"}' % (name, number, callee))

        while True:
            message = yield
            if message is GO:
                setups.busy += 1
                invite()
                continue
            incoming = told(message)
            if incoming.id == INVITE:
                setups.invited += 1
                session, legs = incoming.content.session, incoming.content.legs
                if not legs:
                    raise LoadRefused("no relay leg")
            elif incoming.method == "session.ringing":
                setups.rang += 1
            elif incoming.method == "session.accepted":
                setups.accepted += 1
                setups.times.append(monotonic() - since)
                if hold is None:
                    ask(link, HANGUP, b"session.hangup", b'{"session":"%s"}' % session.encode())
                else:
                    setups.busy -= 1
                    hold(legs)
            elif incoming.id == HANGUP:
                if setups.over():
                    setups.busy -= 1
                else:
                    invite()

    return conversation


def callee(setups: Setups, hold: Hold | None = None) -> Conversation:
    """Rings, then takes every call."""

    def conversation(link: TlsLink) -> Talk[None]:
        yield from attached(link)
        legs: list[Leg] = []
        session = b""
        while True:
            incoming = told((yield))
            if incoming.method == "session.incoming":
                legs = incoming.content.legs
                session = b'{"session":"%s"}' % incoming.content.session.encode()
                ask(link, RINGING, b"session.ringing", session)
            elif incoming.id == RINGING:
                ask(link, ACCEPT, b"session.accept", session)
            elif incoming.id == ACCEPT and hold is not None:
                hold(legs)
            elif incoming.method == "session.ended":
                setups.ended += 1

    return conversation


class Ear:
    """One leg of a held call: binds, sends, counts."""

    def __init__(self, loop: LoadLoop, leg: Leg):
        self.loop = loop
        self.sock = udp_socket()
        self.relay = leg["candidates"][0]["ip"], leg["candidates"][0]["port"]
        self.leg = leg
        self.bound = False
        self.sent = self.heard = 0
        self._transaction = b""
        loop.reader(self.sock.fileno(), self._hear)
        self._bind()

    def _bind(self) -> None:
        if self.sock.fileno() < 0:
            return
        self._transaction = os.urandom(12)
        self.sock.sendto(
            stun.binding_request(self._transaction, self.leg["ufrag"], self.leg["pwd"].encode()), self.relay
        )
        self.loop.later(BIND_EACH if self.bound else BIND_AGAIN, self._bind)

    def _hear(self) -> None:
        try:
            octets = self.sock.recv(2048)
        except BlockingIOError:
            return
        if stun.looks_like_stun(octets):
            self.bound = self.bound or octets[8:20] == self._transaction
        elif len(octets) == MEDIA_BYTES:
            self.heard += 1

    def send(self) -> None:
        self.sent += 1
        self.sock.sendto(b"\x80\0" + self.sent.to_bytes(4) + bytes(MEDIA_BYTES - 6), self.relay)

    def close(self) -> None:
        self.loop.forget(self.sock.fileno())
        self.sock.close()


class HeldCalls:
    """The calls held by this process: two ears for each."""

    TURNS = 20  # the legs take turns, so that the packets of a second are spread over it

    def __init__(self, loop: LoadLoop):
        self.loop = loop
        self.ears: list[Ear] = []
        self._sending = False
        self._turn = 0

    def hold(self, legs: list[Leg]) -> None:
        self.ears.append(Ear(self.loop, legs[0]))

    def bound(self) -> bool:
        return all(ear.bound for ear in self.ears)

    def send(self, each: float) -> None:
        """Every leg sends once in ``each`` seconds until ``quiet``."""
        self._sending = True
        due = monotonic()

        def turn() -> None:
            nonlocal due
            if not self._sending:
                return
            for ear in self.ears[self._turn :: self.TURNS]:
                ear.send()
            self._turn = (self._turn + 1) % self.TURNS
            due += each / self.TURNS
            self.loop.later(max(0.0, due - monotonic()), turn)

        turn()

    def quiet(self) -> None:
        self._sending = False

    def counts(self) -> tuple[int, int]:
        """Packets sent, packets heard."""
        return sum(ear.sent for ear in self.ears), sum(ear.heard for ear in self.ears)

    def close(self) -> None:
        for ear in self.ears:
            ear.close()
        self.ears = []


def open_pair(loop: LoadLoop, setups: Setups, pair: CallPair, held: HeldCalls | None) -> list[Callable[[], TlsLink]]:
    """Functions that open both ends of one call, the callee first. The ids of calls are new: a used one is a retry."""
    hold = held.hold if held is not None else None
    calling, called = pair
    return [
        lambda: crs.open(loop, called, callee(setups, hold)),
        lambda: crs.open(loop, calling, caller(setups, called.uri, os.urandom(6).hex().encode(), hold)),
    ]
