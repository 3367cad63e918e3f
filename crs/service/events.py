"""What a worker tells of what happens at it: events of the trace, statistics of accounts, figures for the metrics.

All of it is told after the fact and waited for by nobody. Which elements and columns there are: ``telemetry.trace`` and
``store.statistics`` (manual, chapter 5, trace and stats).
"""

from collections.abc import Callable

from ..names import Client
from ..store.calls import Call
from ..store.statistics import Statistics
from ..telemetry.tally import Tally
from ..telemetry.trace import Tracer
from .accounts import Accounts
from .connection import Connection


class Events:
    """``figures`` holds what was counted for the metrics and not yet taken from here. ``clock()`` gives ms."""

    def __init__(self, tracer: Tracer, statistics: Statistics, accounts: Accounts, clock: Callable[[], int]):
        self.tracer = tracer
        self.figures = Tally()
        self._statistics = statistics
        self._accounts = accounts
        self._clock = clock

    def trace(self, element: str, *fields: object) -> None:
        """One event of the trace; metrics count some of them."""
        self.figures.note(element, fields)
        self.tracer.emit(element, fields, self._clock())

    def debug(self, text: str) -> None:
        """What no other element of the trace is about."""
        self.trace("event", "attach", "dbg", text)

    def count(self, client: Client, *columns: str) -> None:
        """Count for ``stats export``, where statistics are enabled for the client's account."""
        if client.account in self._accounts.rules.statistics:
            for column in columns:
                self._statistics.count(client, column)
                self.trace("statistics", column, client.uri, client.account)

    def connection(self, connection: Connection) -> None:
        """A connection entered its state."""
        self.trace(
            "connection",
            connection.id,
            connection.kind,
            connection.user,
            connection.ip,
            connection.port,
            connection.state,
        )

    def attach(self, connection: Connection, state: str, description: str, type: str = "") -> None:
        """A registration began, ended or was denied. ``type``: of a device that is not registered; else that of the
        connection's."""
        self.trace(
            "attach",
            connection.id,
            type or connection.device_type,
            connection.client.uri,
            connection.client.account,
            connection.ip,
            connection.port,
            state,
            description,
        )

    def call(self, call: Call) -> None:
        """A call entered its state."""
        self.figures.note_call(call.state, self._clock() - call.created)
        caller, callee = call.caller.rpartition("@"), call.callee.rpartition("@")
        self.trace("session", caller[0], callee[0], call.shown_state, caller[2], call.id, callee[2])

    def message(self, sender: Client, receiver: Client, state: str, id: str) -> None:
        """A message, or the report of one, went from ``sender`` to ``receiver``."""
        self.trace("message", sender.uri, receiver.uri, state, receiver.account, id, sender.account)

    def object(self, client: Client, event: str) -> None:
        """Something that is kept for a client changed."""
        self.trace("object", client.uri, event, client.account)
