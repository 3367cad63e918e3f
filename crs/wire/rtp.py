"""RTP packets as values, and what a receiver learns from them (RFC 3550). No sockets, clocks or ciphers."""

import struct
from typing import NamedTuple

RATE = 8000  # samples a second: L16/8000 mono
FRAME_MS = 20
FRAME_SAMPLES = RATE * FRAME_MS // 1000
SPEECH = 96  # dynamic payload type of L16/8000 (RFC 3551, chapters 3 and 4.5.11)
COMFORT_NOISE = 13  # RFC 3389

_HEADER = struct.Struct("!BBHII")
_VERSION = 0x80


class Packet(NamedTuple):
    """One RTP packet; ``marker`` is set on the first packet of a talkspurt."""

    type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def pack(packet: Packet) -> bytes:
    """The packet as bytes; sequence and timestamp are taken modulo 2^16 and 2^32."""
    kind = packet.type | (0x80 if packet.marker else 0)
    header = _HEADER.pack(_VERSION, kind, packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF, packet.ssrc)
    return header + packet.payload


def parse(octets: bytes) -> Packet:
    """Read one packet, skipping contributing sources, header extension and padding; ValueError if it is malformed."""
    if len(octets) < _HEADER.size:
        raise ValueError("shorter than an RTP header")
    first, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(octets)
    if first & 0xC0 != _VERSION:
        raise ValueError("not RTP version 2")
    start, end = _HEADER.size + 4 * (first & 0x0F), len(octets)
    if first & 0x10:
        if start + 4 > end:
            raise ValueError("header extension is cut off")
        start += 4 + 4 * int.from_bytes(octets[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= octets[-1] or end
    if start > end:
        raise ValueError("header or padding is longer than the packet")
    return Packet(kind & 0x7F, kind >= 0x80, sequence, timestamp, ssrc, octets[start:end])


def is_rtcp(octets: bytes) -> bool:
    """Whether a packet of a flow that carries both is RTCP (RFC 5761, chapter 4)."""
    return len(octets) > 1 and 192 <= octets[1] <= 223


def signed(difference: int, bits: int) -> int:
    """The distance between two wrapping counters of ``bits`` bits, nearest to zero."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half


class Reception:
    """What was received of one source: counts (RFC 3550, A.3) and interarrival jitter (A.8)."""

    def __init__(self) -> None:
        self.received = 0
        self._first = self._highest = 0
        self._jitter = 0.0
        self._last: tuple[float, int] | None = None

    def note(self, packet: Packet, now: float) -> None:
        """Count ``packet``, which arrived at ``now`` (seconds, any steady clock). Duplicates must not come here."""
        if not self.received:
            self._first = self._highest = packet.sequence
        number = self._highest + signed(packet.sequence - self._highest, 16)
        self._first, self._highest = min(self._first, number), max(self._highest, number)
        self.received += 1
        if self._last is not None:
            then, timestamp = self._last
            deviation = (now - then) * RATE - signed(packet.timestamp - timestamp, 32)
            self._jitter += (abs(deviation) - self._jitter) / 16
        self._last = (now, packet.timestamp)

    @property
    def lost(self) -> int:
        """Packets missing between the first and the last that came."""
        return self._highest - self._first + 1 - self.received if self.received else 0

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / RATE
