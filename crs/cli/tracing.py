"""The action trace: events of one element as they happen, until Ctrl-C or until nobody reads (manual, chapter 5.4).

Which fields an element has is in ``crs.telemetry.trace``.
"""

import select
import sys
from collections.abc import Iterator
from functools import partial
from typing import TextIO

from ..telemetry import trace
from .actions import Arguments
from .host import LocalHost
from .output import Moment, ResultStream, Row

HEADER = "event"  # what every line but those of the element event begins with


def _follow(element: str, host: LocalHost, arguments: Arguments) -> ResultStream:
    """``trace <element>``."""
    hearing = trace.Hearing(host.store, element)
    uri, account = arguments.get("--uri"), arguments.get("--account")
    lines = (
        _line(element, event)
        for event in _events(hearing, sys.stdout)
        if trace.concerns(element, event.values, uri, account)
    )
    return ResultStream(_columns(element), lines)


def _events(hearing: trace.Hearing, out: TextIO) -> Iterator[trace.Event]:
    """Events until nobody reads ``out`` any more, whether or not there is something to write just then."""
    poll = select.poll()
    poll.register(hearing, select.POLLIN)
    poll.register(out, 0)  # reports POLLERR or POLLHUP all the same
    try:
        yield from hearing.early
        while True:
            ready = dict(poll.poll())
            if out.fileno() in ready:
                return
            yield from hearing.read()
    finally:
        hearing.close()


def _columns(element: str) -> tuple[str, ...]:
    fields = trace.ELEMENTS[element].fields
    if element == "event":
        return (*fields[:2], "Time", *fields[2:])
    return ("Header", "Time", *fields)


def _line(element: str, event: trace.Event) -> Row:
    values = event.values[: len(trace.ELEMENTS[element].fields)]
    if element == "event":
        return (*values[:2], Moment(event.time), *values[2:])
    return (HEADER, Moment(event.time), *values)


attach = partial(_follow, "attach")
session = partial(_follow, "session")
message = partial(_follow, "message")
object_ = partial(_follow, "object")
event = partial(_follow, "event")
connection = partial(_follow, "connection")
statistics = partial(_follow, "statistics")
