"""Trace: events as they happen, for whoever listens now; it costs next to nothing while nobody does.

Elements and fields are those of the manual (chapter 5, trace). Workers emit, ``crs-cli trace`` listens; what nobody
hears is gone. Never here: what an event says, and the way it is printed.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from .errors import Unavailable
from .store import schema

ELEMENTS = ("attach", "session", "message", "object", "event", "connection", "statistics")
TICK = 1.0   # seconds between two looks whether anybody listens


class Tracer:
    """One for each worker. ``follow`` must run in a greenlet of its own."""

    def __init__(self, store):
        self._high = store.high
        self._heard: frozenset[str] = frozenset()

    def emit(self, element: str, fields: Sequence, now: int) -> None:
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


def listen(store, elements: Iterable[str]) -> Iterator[tuple[str, int, list]]:
    """Events of these elements from now on, as (element, time in ms, fields); for ever."""
    from .store.subscriber import Subscriber
    channels = {schema.trace(element): element for element in elements}
    for channel, message in Subscriber(store.high.path, store.high.name, list(channels)):
        time, *fields = msgspec.json.decode(message)
        yield channels[channel], time, fields
