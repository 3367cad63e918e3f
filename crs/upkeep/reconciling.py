"""Making the directory and this worker's connections agree, after hints that it may have missed."""

from ..service.connection import Connection
from ..service.worker import Worker
from ..wire.vocabulary import MessageWaiting


class Reconciling:
    """For one worker; every method raises Unavailable, and may be repeated."""

    def __init__(self, worker: Worker):
        self._worker = worker
        self._connects = 1  # connections to redis_high so far, since the last of which no hint was lost

    def drop_predecessor(self) -> None:
        """Forget what a dead process of this worker's name left in the directory."""
        for client, device_id, connection in self._worker.directory.entries_of(self._worker.name):
            if self._worker.connections.get(connection) is None:
                self._worker.directory.unregister(client, device_id, connection)

    def watch_hints(self) -> None:
        """Hints are told without waiting: where some went down with a connection, all workers look at the facts."""
        connects = self._worker.store.high.connects
        if connects > self._connects:
            self._worker.directory.look_again()
            self._connects = connects

    def reconcile(self) -> None:
        """Drop entries without a connection, renew those that were dropped, and tell clients what they may have
        missed."""
        directory = self._worker.directory
        for client, device_id, id in directory.entries_of(self._worker.name):
            connection = self._worker.connections.get(id)
            if connection is None or connection.device_id != device_id:
                directory.unregister(client, device_id, id)
        for connection in self._worker.connections.all():
            if connection.state == "registered":
                self._tell_again(connection)

    def _tell_again(self, connection: Connection) -> None:
        worker, client = self._worker, connection.client
        if connection.id not in {entry.connection for entry in worker.directory.lookup(client)}:
            worker.registrar.renew(connection)
            if connection.state != "registered":  # another registration has taken its place
                return
        waiting = worker.mailbox.waiting(client, connection.box)
        if waiting:
            connection.notify("message.waiting", MessageWaiting(waiting))
        for state in worker.calls.states_of(connection):
            connection.notify("session.state", state)
