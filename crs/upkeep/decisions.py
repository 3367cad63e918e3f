"""What the operator decided meets the clients that are attached: deleted accounts, blacklist, monthly updates."""

import gevent

from ..service import loading
from ..service.connection import Connection
from ..service.worker import Worker
from ..wire.vocabulary import UpdateOffered

WALK = 256  # connections looked at before the others get their turn


class Decisions:
    """Applies them at one worker."""

    def __init__(self, worker: Worker):
        self._worker = worker

    def load(self) -> bool:
        """Load the operator's records where they changed; returns whether they did. Raises Unavailable."""
        changed = loading.refresh(self._worker.accounts, self._worker.store)
        if changed:
            version = self._worker.accounts.version
            self._worker.events.debug(f"{self._worker.name}: records of version {version} loaded")
        return changed

    def apply(self) -> bool:
        """As ``load``; then end what is not good any more, and tell those who are to hear of crypto updates."""
        changed = self.load()
        for number, connection in enumerate(self._worker.connections.all()):
            if number % WALK == WALK - 1:
                gevent.sleep(0.001)  # sleep(0) would let other greenlets run, but not the loop
            if connection.kind == "unknown" or connection.state == "closed":
                continue
            if not self._worker.registrar.admits(connection):
                self._worker.registrar.expel(connection, self._why_expelled(connection))
            elif connection.state == "registered":
                self._apply_rules(connection, changed)
        return changed

    def _why_expelled(self, connection: Connection) -> str:
        if connection.kind == "admin":
            return "admin-deleted"
        gone = connection.client.account not in self._worker.accounts.months
        return "account-deleted" if gone else "month-expired"

    def _apply_rules(self, connection: Connection, changed: bool) -> None:
        worker, client = self._worker, connection.client
        if client in worker.accounts.rules.blocked:
            worker.calls.end_all(client, "blacklisted", worker.clock())
            worker.rooms.leave_all(client, "removed")
            worker.registrar.dismissed(connection, "blacklisted")
        elif changed and client.account in worker.accounts.rules.notified:
            for month, confirmed in worker.crypto.held_for(client):
                if not confirmed:
                    connection.notify("update.offered", UpdateOffered(month))
