"""Two stock aiortc peers call each other through a running relay; what each received is printed as JSON.

``python -m test.relay.webrtc_call SOCKET``, the control socket of a relay on a loopback address. A process of its own:
asyncio runs here alone. A tone of the own pitch goes out as Opus in DTLS-SRTP, a word over the data channel.
"""

import asyncio
import fractions
import json
import math
import struct
import sys

import mock
from aiortc import AudioStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from crs.relay.client import RelayClient

from .running import new_leg
from .test_doc import code

FRAMES = 100  # of 20 ms each way
PATIENCE = 60  # seconds for the whole call
RATE = 8000


class Tone(AudioStreamTrack):
    """A sine tone in frames of 20 ms, in real time."""

    def __init__(self, pitch: int):
        super().__init__()
        self.pitch, self.sent = pitch, 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.02)
        samples = range(self.sent, self.sent + RATE // 50)
        self.sent += RATE // 50
        frame = AudioFrame(format="s16", layout="mono", samples=RATE // 50)
        frame.planes[0].update(
            b"".join(struct.pack("=h", int(12_000 * math.sin(2 * math.pi * self.pitch * at / RATE))) for at in samples)
        )
        frame.pts, frame.sample_rate, frame.time_base = samples[0], RATE, fractions.Fraction(1, RATE)
        return frame


class WebrtcParty:
    """One peer: its leg, what it heard."""

    def __init__(self, name: str, leg: dict, pitch: int):
        self.name, self.leg, self.frames, self.crossings, self.word = name, leg, 0, 0, None
        self.done = asyncio.Event()
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.peer.addTrack(Tone(pitch))
        self.channel = self.peer.createDataChannel("words", negotiated=True, id=0)
        self.channel.on("open", lambda: self.channel.send(f"hello from {name}"))
        self.channel.on("message", self._take_word)
        self.peer.on("track", lambda track: asyncio.ensure_future(self._listen(track)))

    def _take_word(self, word: str) -> None:
        self.word = word
        self._check()

    async def _listen(self, track) -> None:
        while self.frames < FRAMES:
            frame = await track.recv()
            self.frames += 1
            if self.frames > FRAMES // 2:  # by now the decoder has settled
                self.crossings += _crossings(frame)
        self._check()

    def _check(self) -> None:
        if self.word and self.frames >= FRAMES:
            self.done.set()

    async def local(self, description) -> str:
        await self.peer.setLocalDescription(description)
        return self.peer.localDescription.sdp

    async def remote(self, kind: str, sdp: str) -> None:
        """Set the other side's description, led through the own leg as doc/relay.md says."""
        await self.peer.setRemoteDescription(RTCSessionDescription(code()["through_relay"](sdp, self.leg), kind))

    def heard(self) -> dict:
        """What came; ``pitch`` in Hz, from the zero crossings of the second half."""
        return {"frames": self.frames, "word": self.word, "pitch": round(self.crossings / 2 / (FRAMES // 2 * 0.02))}


def _crossings(frame: AudioFrame) -> int:
    channels = len(frame.layout.channels)
    samples = struct.unpack(f"={frame.samples * channels}h", bytes(frame.planes[0])[: 2 * frame.samples * channels])
    mono = samples[::channels]
    return sum((before < 0) != (after < 0) for before, after in zip(mono, mono[1:], strict=False))


async def call(path: str) -> dict:
    relay = RelayClient(path, "webrtc")
    legs = [{"ufrag": ufrag, "pwd": pwd} for ufrag, pwd in (new_leg(), new_leg())]
    relay.add("webrtc", "RTP", legs, ["webrtc"])
    anna, ben = (
        WebrtcParty(name, {**leg, "candidates": relay.addresses()}, pitch)
        for name, leg, pitch in zip(("anna", "ben"), legs, (440, 700), strict=True)
    )
    await ben.remote("offer", await anna.local(await anna.peer.createOffer()))
    await anna.remote("answer", await ben.local(await ben.peer.createAnswer()))
    try:
        await asyncio.wait_for(asyncio.gather(anna.done.wait(), ben.done.wait()), PATIENCE)
    finally:
        heard = {party.name: party.heard() for party in (anna, ben)}
        states = {party.name: party.peer.connectionState for party in (anna, ben)}
        await asyncio.gather(anna.peer.close(), ben.peer.close())
    return {"heard": heard, "states": states}


if __name__ == "__main__":
    # aioice leaves out loopback addresses, and a machine under test may have no other.
    with mock.patch("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"]):
        print(json.dumps(asyncio.run(call(sys.argv[1]))))
