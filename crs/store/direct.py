"""One connection to Redis for the command line: plain blocking, connected at the first call, no gevent.

Never here: sharing between greenlets (``pipe``).
"""

import socket
from collections.abc import Mapping
from pathlib import Path

import hiredis

from ..errors import Unavailable
from .commands import Commands

CHUNK = 262_144  # bytes read at a time


class Direct(Commands):
    """After any fault the connection is dropped, and the next call makes a new one."""

    def __init__(self, path: str | Path, name: str, scripts: Mapping[str, bytes], timeout_ms: int = 5000):
        super().__init__(name, scripts)
        self.path = str(path)
        self._timeout = timeout_ms / 1000
        self._sock: socket.socket | None = None

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def tell(self, *command: str | bytes | int) -> None:
        """Send a command that is only a hint: never raises."""
        try:
            self.calls((command,))
        except Unavailable:
            pass

    def _exchange(self, packed: bytes, count: int) -> list:
        try:
            if self._sock is None:
                self._sock = self._connect()
            self._sock.sendall(packed)
            return self._replies(count)
        except (OSError, hiredis.HiredisError) as error:
            self.close()
            raise Unavailable(f"{self.name} is not running or does not answer ({self._reason(error)})") from None

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(self._timeout)
        try:
            sock.connect(self.path)
        except OSError:
            sock.close()
            raise
        return sock

    def _replies(self, count: int) -> list:
        reader = hiredis.Reader()
        replies = []
        while len(replies) < count:
            reply = reader.gets()
            if reply is False:
                data = self._sock.recv(CHUNK)
                if not data:
                    raise ConnectionResetError("connection closed")
                reader.feed(data)
            else:
                replies.append(reply)
        return replies
