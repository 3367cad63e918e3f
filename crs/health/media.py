"""Packets through the relay, from one leg of a call to the other and back.

They look like RTP with a random payload, as that of clients is, which encrypt end to end.
"""

import os
import time

import gevent
from gevent import socket

from .. import names
from ..client.paths import Paths
from ..wire import stun
from ..wire.vocabulary import Leg

PACKETS = 25  # each way
INTERVAL = 0.02  # seconds, as speech
PATIENCE = 5.0  # seconds
_RTP = b"\x80\x00"  # version 2, PCMU (RFC 3550, 3551)


class End:
    """One leg: its socket, its binding, and the packets that it received."""

    def __init__(self, leg: Leg):
        v6 = all(":" in names.plain_ip(candidate.ip) for candidate in leg.candidates)
        self.socket = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        usable = [candidate for candidate in leg.candidates if (":" in names.plain_ip(candidate.ip)) == v6]
        self.paths = Paths(Leg(leg.stream, leg.kind, leg.ufrag, leg.pwd, usable), os.urandom)
        self.bound = False
        self.came: set[bytes] = set()
        self._reader = gevent.spawn(self._read)

    def bind(self) -> None:
        """Send the Binding requests that are due."""
        for request, address in self.paths.due(time.monotonic()):
            self.socket.sendto(request, address)

    def send(self, octets: bytes) -> None:
        for address in self.paths.targets(time.monotonic()):
            self.socket.sendto(octets, address)

    def close(self) -> None:
        self._reader.kill()
        self.socket.close()

    def _read(self) -> None:
        while True:
            octets, source = self.socket.recvfrom(2048)
            if stun.looks_like_stun(octets):
                bound = self.paths.take_answer(octets, (names.plain_ip(source[0]), source[1]), time.monotonic())
                self.bound = self.bound or bound
            else:
                self.came.add(octets)


class Exchange:
    """PACKETS sent each way, and how many of them arrived unchanged."""

    def __init__(self, caller: Leg, callee: Leg):
        self.bound = False
        self.arrived = [0, 0]  # of PACKETS: at the callee, at the caller
        self._run(caller, callee)

    def _run(self, caller: Leg, callee: Leg) -> None:
        ends = [End(caller), End(callee)]
        speech = [[_frame(number) for number in range(PACKETS)] for _ in ends]
        try:
            gevent.with_timeout(PATIENCE, self._talk, ends, speech, timeout_value=None)
            self.arrived = [len(ends[1].came.intersection(speech[0])), len(ends[0].came.intersection(speech[1]))]
        finally:
            for end in ends:
                end.close()

    def _talk(self, ends: list[End], speech: list[list[bytes]]) -> None:
        while not all(end.bound for end in ends):
            _bind(ends)
        self.bound = True
        for frames in zip(*speech, strict=True):
            for end, octets in zip(ends, frames, strict=True):
                end.send(octets)
            _bind(ends)
        while not all(end.came.issuperset(sent) for end, sent in zip(ends, reversed(speech), strict=True)):
            _bind(ends)


def _bind(ends: list[End]) -> None:
    for end in ends:
        end.bind()
    gevent.sleep(INTERVAL)


def _frame(number: int) -> bytes:
    return _RTP + number.to_bytes(2, "big") + (160 * number).to_bytes(4, "big") + os.urandom(4 + 160)
