"""Records: values under a kind and an element, of which the last written counts, in redis_low.

A record's time stamp is a hybrid logical clock in one number: milliseconds, but always later than any stamp before it.
A deleted record stays behind as a tombstone, so that an older copy elsewhere cannot bring it back. The kinds, and what
their values are, stand in ``accounts`` and ``operator``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from . import schema, wakeups
from .commands import Commands, Part, pairs
from .ordering import ordered


class Record(msgspec.Struct, frozen=True):
    """What is stored for an element."""

    v: Any  # the value; null in a tombstone
    t: int  # time stamp, ms
    h: str  # host that wrote it
    d: bool  # deleted: a tombstone


class Attached(NamedTuple):
    """A hash that is written and deleted with its record, in the same step."""

    key: str
    fields: Mapping[str, str]


_record = msgspec.json.Decoder(Record).decode


class Records:
    """Every method raises Unavailable unless Redis has confirmed it. Times are milliseconds."""

    def __init__(self, low: Commands, high: Commands, host: str):
        self._low = low
        self._high = high
        self._host = host

    def version(self) -> int:
        """Grows with every change: workers compare it with what they hold."""
        return int(self._low.call("HGET", schema.clock(), "version") or 0)

    def put(self, kind: str, element: str, value: object, now: int, attached: Attached | None = None) -> int:
        """Write a record (any value that JSON can hold) and hint the workers; returns the new version."""
        return self._write(kind, element, value, now, False, attached)

    def delete(self, kind: str, element: str, now: int, attached_key: str | None = None) -> int:
        """Leave a tombstone in the place of a record; returns the new version."""
        return self._write(kind, element, None, now, True, Attached(attached_key, {}) if attached_key else None)

    def get(self, kind: str, element: str) -> Any:
        """The value of a record; None when there is none."""
        text = self._low.call("HGET", schema.records(kind), element)
        return None if text is None else _record(text).v

    def all(self, kind: str) -> dict[str, Any]:
        """Element and value of every record that is not deleted."""
        flat = self._low.call("HGETALL", schema.records(kind))
        records = ((element.decode(), _record(text)) for element, text in pairs(flat))
        return {element: record.v for element, record in records if not record.d}

    def walk(self, kind: str) -> Iterator[tuple[str, Any]]:
        """As ``all``, in the order of the elements, and however many there are in the same memory."""
        elements = ordered(self._low.fields(schema.records(kind)))
        for element, text in self._low.of_each(elements, lambda element: ("HGET", schema.records(kind), element)):
            record = text and _record(text)
            if record and not record.d:
                yield element.decode(), record.v

    def _write(self, kind: str, element: str, value: object, now: int, deleted: bool, attached: Attached | None) -> int:
        keys = [schema.records(kind), schema.clock()]
        arguments: list[Part] = [element, msgspec.json.encode(value), self._host, now, int(deleted)]
        if attached is not None:
            keys.append(attached.key)
            arguments += (part for pair in attached.fields.items() for part in pair)
        version: int = self._low.script("record", keys, arguments)
        self._high.tell(*wakeups.to_all(wakeups.RecordsChanged()))
        return version
