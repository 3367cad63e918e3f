"""What other workers publish for this one: to one of its connections, or to all workers of the host."""

from collections.abc import Callable

import gevent

from .. import log
from ..loop.attempts import Attempts
from ..store import wakeups
from ..store.subscriber import Subscriber
from ..store.wakeups import Dismiss, Look, Lost, Mail, Notify, RecordsChanged, Wakeup
from .connection import Connection
from .worker import Worker

LOG = log.get("attach")


class Listening:
    """Hands what comes to whom it is for. ``lost()`` is called where wake-ups may have been lost, ``changed()`` where
    the operator's records have changed."""

    def __init__(self, worker: Worker, attempts: Attempts, lost: Callable[[], None], changed: Callable[[], None]):
        self._worker = worker
        self._attempts = attempts
        self._lost = lost
        self._changed = changed

    def run(self, subscriber: Subscriber) -> None:
        """Listen for ever."""
        for _, message in subscriber:
            self.take(message)

    def take(self, message: bytes) -> None:
        """Act on one message."""
        try:
            addressee, wakeup = wakeups.decode(message)
        except ValueError as error:
            LOG.warn(str(error))
            return
        if addressee == wakeups.ALL:
            self._for_all(wakeup)
        else:
            connection = self._worker.connections.get(addressee)
            if connection is not None:  # else it has ended: its client finds the fact when it registers again
                self._for_one(connection, wakeup)

    def _for_one(self, connection: Connection, wakeup: Wakeup) -> None:
        if isinstance(wakeup, Mail):
            self._worker.delivery.deliver(connection, wakeup)
        elif isinstance(wakeup, Notify):
            connection.push(wakeup.payload)
        elif isinstance(wakeup, Dismiss):
            gevent.spawn(self._dismiss, connection, wakeup)

    def _for_all(self, wakeup: Wakeup) -> None:
        if isinstance(wakeup, RecordsChanged):
            self._changed()
        elif isinstance(wakeup, Lost):
            self._lost()
        elif isinstance(wakeup, Look):
            gevent.spawn(self._worker.events.tracer.look)

    def _dismiss(self, connection: Connection, wakeup: Dismiss) -> None:
        registrar = self._worker.registrar
        self._attempts.once("dismiss", lambda: registrar.dismissed(connection, wakeup.reason, wakeup.since))
