"""One stream of speech: RTP in SRTP over one UDP socket, through whatever relay answers.

The socket, the 20 ms clock, libsrtp; signalling is in ``call``. Comfort noise is sent until the other end is heard
(then both ends are bound, and nothing of a file is lost), then the speech to play, then comfort noise again. What
arrives is counted, and recorded on request.
"""

import logging
import os
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import gevent
import pylibsrtp
from gevent.event import Event

from crs import names
from crs.client.offer import Srtp
from crs.client.paths import Address, Paths
from crs.client.sockets import LARGEST, send_to, udp_socket
from crs.client.wav import Recording
from crs.wire import rtp, stun
from crs.wire.vocabulary import Leg

LOG = logging.getLogger("crs.client")

QUIET_AFTER_SPEECH = 10  # packets of comfort noise after which the other end's speech is over (0.2 s)

_PROFILES = {
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class MediaReport(NamedTuple):
    """Counts of packets; ``lost`` and ``jitter_ms`` as in RFC 3550, ``refused`` were not authentic or copies."""

    sent: int
    received: int
    lost: int
    refused: int
    jitter_ms: float


class Media:
    """The stream of one leg. ``speech``: L16 to play; ``record``: a .wav file to write."""

    def __init__(
        self,
        leg: Leg,
        send: Srtp,
        receive: Srtp,
        speech: bytes = b"",
        record: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.heard = Event()  # a packet of the other end has arrived
        self.played = Event()  # all of ``speech`` is sent
        self.heard_out = Event()  # the other end has spoken and ended
        self._clock = clock
        self._outbound = _session(send, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._inbound = _session(receive, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        self._speech = memoryview(speech)
        self._next = 0  # byte of the speech to be sent next
        self._recording = Recording(record) if record else None
        self._ssrc, self._sequence, self._timestamp = secrets.randbits(32), secrets.randbits(15), secrets.randbits(32)
        self._reception = rtp.Reception()
        self._sent = self._refused = 0
        self._speech_end: int | None = None  # timestamp of the last speech received
        self._quiet = 0
        self._bound = clock()
        self._socket = udp_socket(leg)
        self._paths = Paths(leg, os.urandom)
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def start(self) -> "Media":
        self._greenlets = [gevent.spawn(self._send), gevent.spawn(self._receive)]
        return self

    def stop(self) -> MediaReport:
        """End the stream and finish the recording. May be called again."""
        gevent.killall(self._greenlets)
        if self._recording is not None:
            self._recording.close()
            self._recording = None
        self._socket.close()
        return self.report()

    def rebind(self, leg: Leg) -> None:
        """Continue through ``leg``, newly allocated; the same leg changes nothing."""
        if leg != self._paths.leg:
            heard = self._paths.heard
            self._paths = Paths(leg, os.urandom)
            self._paths.heard = heard

    def unbound_for(self) -> float:
        """Seconds since a relay last answered."""
        return self._clock() - self._bound

    @property
    def speech_came(self) -> bool:
        """Whether the other end has begun to speak."""
        return self._speech_end is not None

    def report(self) -> MediaReport:
        reception = self._reception
        return MediaReport(self._sent, reception.received, reception.lost, self._refused, round(reception.jitter_ms, 3))

    # --- out ---

    def _send(self) -> None:
        due = self._clock()
        while True:
            now = self._clock()
            for request, address in self._paths.due(now):
                send_to(self._socket, request, address)
            targets = self._paths.targets(now)
            if targets or self.heard.is_set():
                self._send_frame(targets)
            due += rtp.FRAME_MS / 1000
            gevent.sleep(max(0.0, due - self._clock()))

    def _send_frame(self, targets: list[Address]) -> None:
        """Send the next 20 ms. Time goes on while no relay answers: what is spoken then is lost, not late."""
        payload = bytes(self._speech[self._next : self._next + 2 * rtp.FRAME_SAMPLES]) if self.heard.is_set() else b""
        kind = rtp.SPEECH if payload else rtp.COMFORT_NOISE
        first = bool(payload) and self._next == 0
        frame = rtp.Packet(kind, first, self._sequence, self._timestamp, self._ssrc, payload or b"\x7f")
        protected = self._outbound.protect(rtp.pack(frame))
        for address in targets:
            send_to(self._socket, protected, address)
        self._sent += 1
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + rtp.FRAME_SAMPLES) & 0xFFFFFFFF
        self._next += len(payload)
        if self.heard.is_set() and self._next >= len(self._speech):
            self.played.set()

    # --- in ---

    def _receive(self) -> None:
        while True:
            try:
                octets, source = self._socket.recvfrom(LARGEST)
            except OSError as error:
                LOG.debug("not received: %s", error)
                gevent.sleep(rtp.FRAME_MS / 1000)
                continue
            now, address = self._clock(), (names.plain_ip(source[0]), source[1])
            if stun.looks_like_stun(octets):
                if self._paths.take_answer(octets, address, now):
                    self._bound = now
            elif octets and not rtp.is_rtcp(octets):
                self._take(octets, address, now)

    def _take(self, octets: bytes, address: Address, now: float) -> None:
        try:
            frame = rtp.parse(self._inbound.unprotect(octets))
        except (pylibsrtp.Error, ValueError):
            self._refused += 1  # not authentic, or a second copy by another relay
            return
        self._paths.note_heard(address, now)
        self._reception.note(frame, now)
        self.heard.set()
        if frame.type == rtp.SPEECH:
            self._take_speech(frame)
        elif self._speech_end is not None and rtp.signed(frame.timestamp - self._speech_end, 32) > 0:
            self._quiet += 1
            if self._quiet >= QUIET_AFTER_SPEECH:
                self.heard_out.set()

    def _take_speech(self, frame: rtp.Packet) -> None:
        self._quiet = 0
        if self._speech_end is None or rtp.signed(frame.timestamp - self._speech_end, 32) > 0:
            self._speech_end = frame.timestamp
        if self._recording is None:
            return
        try:
            self._recording.place(frame.timestamp, frame.payload)
        except OSError as error:
            LOG.warning("recording ends: %s", error)
            self._recording = None


def _session(srtp: Srtp, direction: int) -> pylibsrtp.Session:
    return pylibsrtp.Session(pylibsrtp.Policy(key=srtp.key, ssrc_type=direction, srtp_profile=_PROFILES[srtp.suite]))
