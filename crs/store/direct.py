"""One connection to Redis for the command line: plain blocking, connected at the first call, no gevent."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import hiredis

from ..errors import Unavailable
from . import resp
from .commands import Commands, Part

CHUNK = 262_144  # bytes read at a time


class Direct(Commands):
    """After any fault the connection is dropped, and the next call makes a new one."""

    def __init__(self, path: str | Path, name: str, scripts: Mapping[str, bytes], timeout_ms: int = 5000):
        super().__init__(path, name, scripts)
        self._timeout = timeout_ms / 1000
        self._sock: socket.socket | None = None

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def tell(self, *command: Part) -> None:
        with suppress(Unavailable):
            self.calls((command,))

    def _exchange(self, packed: bytes, count: int) -> list[Any]:
        try:
            if self._sock is None:
                self._sock = resp.connected(self.path, self._timeout)
                self.connects += 1
            self._sock.sendall(packed)
            reader = hiredis.Reader()
            return [resp.reply(self._sock, reader, CHUNK) for _ in range(count)]
        except resp.FAULTS as error:
            self.close()
            raise resp.unavailable(self.name, error) from None
