"""A connection that listens, for the workers: what is published on some channels, reconnecting by itself.

What was published while it was away is lost; the caller is told, and looks at the facts in the store.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gevent
import hiredis
from gevent import socket
from gevent.event import Event

from .. import log
from . import resp

LOG = log.get("store")

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
                        channel, message = resp.message(resp.reply(sock, reader))
                        yield channel.decode(), message
            except resp.FAULTS as error:
                if not said_down:
                    LOG.warn(f"listening to {self.name}: {error}; trying again")
                    said_down = True
            finally:
                self.ready.clear()
            gevent.sleep(RETRY)

    def _subscribe(self, sock: socket.socket, reader: hiredis.Reader) -> None:
        """Connect and wait until every channel is confirmed. Raises OSError, HiredisError."""
        with gevent.Timeout(GREETING_LIMIT, TimeoutError("no answer")):
            sock.connect(self.path)
            sock.sendall(resp.pack(("SUBSCRIBE", *self.channels)))
            for _ in self.channels:
                resp.message(resp.reply(sock, reader))
