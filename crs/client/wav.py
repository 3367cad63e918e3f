"""Speech files: 16 bit mono 8 kHz .wav to and from L16 (RFC 3551, 4.5.11: the same samples in network byte order).

A recording is speech in the clear: its file is readable by the owner only.
"""

import os
import struct
import wave
from array import array
from pathlib import Path

from crs.errors import OperatorFault
from crs.wire.rtp import RATE, signed

_HELD = 25  # packets held back (0.5 s), so that a reordered start is placed correctly
_LONGEST_GAP = 600 * RATE  # samples; a packet with a timestamp further away is dropped
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def swapped(samples: bytes) -> bytes:
    """16 bit samples with their two bytes exchanged: little-endian to network order, and back."""
    values = array("h", samples)
    values.byteswap()
    return values.tobytes()


def read_speech(path: str | Path) -> bytes:
    """The samples of a .wav file as L16. Raises OperatorFault with the remedy."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            if form != (1, 2, RATE):
                raise OperatorFault(
                    f"{path}: {form[0]} channel(s), {8 * form[1]} bit, {form[2]} Hz; "
                    f"convert it to mono, 16 bit, {RATE} Hz"
                )
            samples = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise OperatorFault(f"{path}: no such file") from None
    except (OSError, EOFError, wave.Error) as error:
        raise OperatorFault(f"{path}: not a readable .wav file ({error})") from None
    return swapped(samples)


class Recording:
    """A .wav file written as speech arrives: each packet at the position of its timestamp, gaps silent."""

    def __init__(self, path: str | Path):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise OperatorFault(f"{path}: cannot be written ({error.strerror})") from None
        self._file = os.fdopen(descriptor, "w+b")
        self._held: list[tuple[int, bytes]] = []
        self._origin: int | None = None
        self._size = 0

    def place(self, timestamp: int, payload: bytes) -> None:
        """Put one L16 payload at ``timestamp`` (RTP, 8 kHz). A late packet fills its gap."""
        if self._origin is not None:
            self._write(self._origin, timestamp, payload)
            return
        self._held.append((timestamp, payload))
        if len(self._held) == _HELD:
            self._release()

    def close(self) -> None:
        self._release()
        self._file.seek(0)
        self._file.write(
            _HEADER.pack(
                b"RIFF", 36 + self._size, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", self._size
            )
        )
        self._file.close()

    def _release(self) -> None:
        held, self._held = self._held, []
        if not held:
            return
        near = held[0][0]
        origin = self._origin = min((timestamp for timestamp, _ in held), key=lambda each: signed(each - near, 32))
        for timestamp, payload in held:
            self._write(origin, timestamp, payload)

    def _write(self, origin: int, timestamp: int, payload: bytes) -> None:
        end = origin + self._size // 2
        sample = self._size // 2 + signed(timestamp - end, 32)
        if sample < 0 or sample - self._size // 2 > _LONGEST_GAP or len(payload) % 2:
            return
        self._file.seek(_HEADER.size + 2 * sample)
        self._file.write(swapped(payload))
        self._size = max(self._size, 2 * sample + len(payload))
