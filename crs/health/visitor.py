"""One test client of a health check: attached like any other, with a key made from the account's month.

Its URI is ``urn:x-crs:client:test-<index>-<id>`` (manual, chapter 5). It speaks the bare protocol: bodies are opaque to
the CRS, so it needs no end-to-end keys.
"""

from collections.abc import Callable
from typing import Any

import gevent
from gevent.queue import Queue

from ..client.addresses import AddressCycle
from ..client.connection import ClientConnection as Attached
from ..names import Client
from ..wire.vocabulary import MessageWaiting, Registered, SessionAccepted, SessionEnded, SessionIncoming, SessionRinging
from .report import HealthFault

HEARD = {
    "session.incoming": SessionIncoming,
    "session.ringing": SessionRinging,
    "session.accepted": SessionAccepted,
    "session.ended": SessionEnded,
    "message.waiting": MessageWaiting,
}
PATIENCE = 10.0  # seconds for anything to happen


def name(account: str, index: int, id: str) -> Client:
    """The test client ``index`` (from 1) of the health check ``id``."""
    return Client(f"urn:x-crs:client:test-{index}-{id}", account)


class Visitor:
    """The test client ``name``. ``keys``: (PSK identity, key), the best first; ``address``: (host, port)."""

    def __init__(self, name: Client, address: tuple[str, int], keys: list[tuple[str, bytes]]):
        self.name = name
        self.address = address
        self.has_keys = bool(keys)
        self._attached = Attached(AddressCycle([address], lambda now: keys), "health-check")
        self._heard: dict[str, Queue[Any]] = {method: Queue() for method in HEARD}
        for method, queue in self._heard.items():
            self._attached.hear(method, queue.put)

    def attach(self) -> Registered:
        """Attach and register; returns what the server answered. Raises Unavailable."""
        return self._attached.start().wait_registered(PATIENCE)

    def call(self, method: str, params: Any, result: Any = None) -> Any:
        """As ``ClientConnection.call``."""
        return self._attached.call(method, params, result, PATIENCE)

    def hear(self, method: str, about: Callable[[Any], bool] = lambda told: True) -> Any:
        """Wait for a notification for which ``about`` is true. Raises HealthFault when none comes."""
        told = gevent.with_timeout(PATIENCE, self._next, method, about, timeout_value=None)
        if told is None:
            raise HealthFault(f"{self.name.uri} was not told {method} within {PATIENCE:g} s")
        return told

    def _next(self, method: str, about: Callable[[Any], bool]) -> Any:
        while not about(told := self._heard[method].get()):
            pass
        return told

    def close(self) -> None:
        """Leave for good."""
        self._attached.close("health check is over")
