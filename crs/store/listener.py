"""A connection that listens, for the command line: plain blocking, ends with the first fault, no gevent."""

from collections.abc import Sequence
from pathlib import Path

import hiredis

from . import resp

GREETING_LIMIT = 5  # seconds for connecting and subscribing


class Listener:
    """Take ``early`` (messages that came with the confirmation), then wait until ``fileno()`` is readable and
    ``read()``, again and again. Raises Unavailable where Redis is down."""

    def __init__(self, path: str | Path, name: str, channels: Sequence[str]):
        self._name = name
        self._reader = hiredis.Reader()
        try:
            self._sock = resp.connected(path, GREETING_LIMIT)
        except OSError as error:
            raise resp.unavailable(name, error) from None
        try:
            self._sock.sendall(resp.pack(("SUBSCRIBE", *channels)))
            pushed: list[bytes] = []
            while len(pushed) < len(channels):
                pushed += self._messages()
        except resp.FAULTS as error:
            self.close()
            raise resp.unavailable(name, error) from None
        self.early = pushed[len(channels) :]
        self._sock.settimeout(None)

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> list[bytes]:
        """The messages that have come; waits where there is nothing to read. Raises Unavailable."""
        try:
            return self._messages()
        except resp.FAULTS as error:
            raise resp.unavailable(self._name, error) from None

    def close(self) -> None:
        self._sock.close()

    def _messages(self) -> list[bytes]:
        self._reader.feed(resp.receive(self._sock))
        messages = []
        while (push := self._reader.gets()) is not False:
            messages.append(resp.message(push)[1])
        return messages
