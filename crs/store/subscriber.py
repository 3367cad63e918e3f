"""A connection that listens: iterates over what is published on some channels, and connects again by itself.

Never here: what the messages mean. What was published while it was away is lost; the caller is told, and looks at the
facts.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gevent
import hiredis
from gevent import socket
from gevent.event import Event

from .. import log

LOG = log.get("store")

CHUNK = 65_536  # bytes read at a time
GREETING_LIMIT = 5  # seconds for connecting and subscribing
RETRY = 0.1  # seconds between attempts


class Subscriber:
    """Iterate to get (channel, message) for ever; any greenlet, but one at a time.

    ``on_subscribed()`` is called in that greenlet after each (re)connection, before the first message is handed out:
    work that takes long belongs in a greenlet of its own. ``ready`` is set while subscribed.
    """

    def __init__(
        self, path: str | Path, name: str, channels: Sequence[str], on_subscribed: Callable[[], None] = lambda: None
    ):
        self.path = str(path)
        self.name = name
        self.channels = tuple(channels)
        self.ready = Event()
        self._on_subscribed = on_subscribed

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        said_down = False
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as sock:
                    reader = hiredis.Reader()
                    self._subscribe(sock, reader)
                    said_down = False
                    self.ready.set()
                    self._on_subscribed()
                    while True:
                        _, channel, message = _next(sock, reader)
                        yield channel.decode(), message
            except (OSError, hiredis.HiredisError) as error:
                if not said_down:
                    LOG.warn(f"listening to {self.name}: {error}; trying again")
                    said_down = True
            finally:
                self.ready.clear()
            gevent.sleep(RETRY)

    def _subscribe(self, sock, reader) -> None:
        """Connect and wait until every channel is confirmed. Raises OSError, HiredisError."""
        with gevent.Timeout(GREETING_LIMIT, TimeoutError("no answer")):
            sock.connect(self.path)
            sock.sendall(hiredis.pack_command(("SUBSCRIBE", *self.channels)))
            for _ in self.channels:
                _next(sock, reader)


def _next(sock, reader) -> list:
    """The next push: kind, channel, message. Raises OSError, HiredisError (an error instead of a push, too)."""
    while (push := reader.gets()) is False:
        chunk = sock.recv(CHUNK)
        if not chunk:
            raise ConnectionResetError("connection closed")
        reader.feed(chunk)
    if isinstance(push, hiredis.HiredisError):
        raise push
    return push
