"""A connection that listens, for the command line: plain blocking, ends with the first fault, no gevent.

Never here: what the messages mean, and listening for ever (``subscriber``).
"""

import socket
from collections.abc import Sequence
from pathlib import Path

import hiredis

from ..errors import Unavailable

CHUNK = 65_536  # bytes read at a time
GREETING_LIMIT = 5  # seconds for connecting and subscribing


class Listener:
    """Take ``early``, then wait until ``fileno()`` is readable and ``read()``, again and again. Raises Unavailable
    where Redis is down. ``early``: messages that came with the confirmation."""

    def __init__(self, path: str | Path, name: str, channels: Sequence[str]):
        self._name = name
        self._reader = hiredis.Reader()
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(GREETING_LIMIT)
        try:
            self._sock.connect(str(path))
            self._sock.sendall(hiredis.pack_command(("SUBSCRIBE", *channels)))
            pushes: list[list] = []
            while len(pushes) < len(channels):
                pushes += self._pushes()
            self.early = [message for _, _, message in pushes[len(channels) :]]
            self._sock.settimeout(None)
        except (OSError, hiredis.HiredisError) as error:
            self.close()
            raise self._down(error) from None

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> list[bytes]:
        """The messages that have come; waits where there is nothing to read. Raises Unavailable."""
        try:
            return [message for _, _, message in self._pushes()]
        except (OSError, hiredis.HiredisError) as error:
            raise self._down(error) from None

    def close(self) -> None:
        self._sock.close()

    def _pushes(self) -> list[list]:
        chunk = self._sock.recv(CHUNK)
        if not chunk:
            raise ConnectionResetError("connection closed")
        self._reader.feed(chunk)
        pushes = []
        while (push := self._reader.gets()) is not False:
            if isinstance(push, hiredis.HiredisError):
                raise push
            pushes.append(push)
        return pushes

    def _down(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"{self._name} is not running or does not answer ({getattr(error, 'strerror', None) or error})"
        )
