"""Trace: events as they happen, for whoever listens now; it costs next to nothing while nobody does.

The elements and their fields are those of the manual (chapter 5.4, trace). Workers emit, ``crs-cli trace`` listens;
what nobody hears is gone. No element has a field for the content of a message.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ..errors import Unavailable
from ..store import Store, schema, wakeups
from ..store.commands import Commands
from ..store.listener import Listener

TICK = 1.0  # seconds between two looks whether anybody listens


class Element(NamedTuple):
    """What can be traced. ``fields``: the columns of an event behind its header and time; more values than columns
    may be sent, for filters only. ``uris`` and ``accounts`` say where those stand, ``users`` where ``uri@account``."""

    fields: tuple[str, ...]
    uris: tuple[int, ...] = ()
    accounts: tuple[int, ...] = ()
    users: tuple[int, ...] = ()


ELEMENTS: dict[str, Element] = {
    "attach": Element(("Connection-Id", "Type", "URI", "Account", "IP", "Port", "State", "Description"), (2,), (3,)),
    "session": Element(("Caller", "Callee", "State", "Account", "Session-ID"), (0, 1), (3, 5)),
    "message": Element(("From", "To", "State", "Account", "Message-ID"), (0, 1), (3, 5)),
    "object": Element(("From", "Event"), (0,), (2,)),
    "event": Element(("Module", "Type", "Information")),
    "connection": Element(("Id", "User-Type", "User", "IP", "Port", "State"), users=(2,)),
    "statistics": Element(("Type", "Uri", "Account"), (1,), (2,)),
}


class Event(NamedTuple):
    """One event: when (ms), and its values as ``Element`` says."""

    time: int
    values: list[Any]


class Tracer:
    """One for each worker. ``follow`` must run in a greenlet of its own."""

    def __init__(self, high: Commands):
        self._high = high
        self._heard: frozenset[str] = frozenset()

    def hears(self, element: str) -> bool:
        """Whether anybody listened to an element at the last look."""
        return element in self._heard

    def emit(self, element: str, fields: Sequence[object], now: int) -> None:
        """Tell an event (``now`` in ms) to whoever listens. Never waits, never raises."""
        if element in self._heard:
            self._high.tell("PUBLISH", schema.trace(element), msgspec.json.encode((now, *fields)))

    def follow(self) -> None:
        """Look again and again which elements have a listener; for ever."""
        import gevent

        while True:
            self.look()
            gevent.sleep(TICK)

    def look(self) -> None:
        """See which elements have a listener now."""
        try:
            flat = self._high.call("PUBSUB", "NUMSUB", *map(schema.trace, ELEMENTS))
        except Unavailable:
            flat = [0] * 2 * len(ELEMENTS)
        self._heard = frozenset(element for element, count in zip(ELEMENTS, flat[1::2], strict=True) if count)


class Hearing:
    """Events of one element from now on, for the command line: ``early``, then wait for ``fileno()`` and ``read()``."""

    def __init__(self, store: Store, element: str):
        """Raises Unavailable."""
        self._listener = Listener(store.high.path, store.high.name, [schema.trace(element)])
        self.early = self._decoded(self._listener.early)
        store.high.tell(*wakeups.to_all(wakeups.Look()))

    def fileno(self) -> int:
        return self._listener.fileno()

    def read(self) -> list[Event]:
        """What has come. Raises Unavailable when there will be no more."""
        return self._decoded(self._listener.read())

    def close(self) -> None:
        self._listener.close()

    @staticmethod
    def _decoded(messages: list[bytes]) -> list[Event]:
        return [Event(time, values) for time, *values in map(msgspec.json.decode, messages)]


def concerns(element: str, values: Sequence[Any], uri: str | None, account: str | None) -> bool:
    """Whether an event is about a URI and an account; None stands for any."""
    row = ELEMENTS[element]
    pairs = [str(values[place]).rpartition("@") for place in row.users]
    uris = [values[place] for place in row.uris] + [pair[0] for pair in pairs]
    accounts = [values[place] for place in row.accounts if place < len(values)] + [pair[2] for pair in pairs]
    return (uri is None or uri in uris) and (account is None or account in accounts)
