"""The connections of one worker: the states of each, who is behind it, what it was told. No sockets.

*connected → authenticated → negotiated → registered → closed*; a transition that is not in the table is a fault of
this program.
"""

from collections import Counter
from typing import Protocol

from ..names import Client
from ..wire.vocabulary import Result, notification

TRANSITIONS: dict[str, set[str]] = {
    "connected": {"authenticated", "closed"},
    "authenticated": {"negotiated", "closed"},
    "negotiated": {"registered", "closed"},
    "registered": {"negotiated", "registered", "closed"},
    "closed": set(),
}
NOBODY = Client("", "")  # who is behind a connection that is not a client's
MAX_CONNECTIONS = 16  # of one user on one worker: five devices, and those that have not noticed their end


class Transport(Protocol):
    """What carries the messages of a connection, such as a WebSocket."""

    last_heard: float  # time.monotonic() at which the other end was heard last

    def send(self, text: bytes) -> None:
        """Queue one message; never waits."""

    def ping(self) -> None:
        """Ask the other end whether it is there."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection; waits for the other end."""


class Connection:
    """The state of one TLS connection of a client or an admin."""

    __slots__ = (
        "admin",
        "admin_since",
        "backlog",
        "client",
        "deliver",
        "device_id",
        "device_type",
        "ending",
        "given",
        "id",
        "ip",
        "kind",
        "month",
        "port",
        "since",
        "state",
        "transport",
        "version",
    )

    def __init__(self, id: str, ip: str, port: int):
        self.id = id
        self.ip = ip
        self.port = port
        self.state = "connected"
        self.kind = "unknown"  # then client or admin
        self.client = NOBODY
        self.month = ""  # whose key the client authenticated with
        self.admin = ""  # name of the admin
        self.admin_since = 0  # ms, when the admin was created
        self.device_id = ""  # while registered, likewise type and version
        self.device_type = ""
        self.since = 0  # ms, of the last registration; later than the one before
        self.version = ""
        self.transport: Transport | None = None
        self.backlog = 0  # items in the client's own mailbox, when it posted last
        self.deliver = False  # the device wants messages, not hints
        self.ending = False  # its user has too many, and it is being closed
        self.given = -1  # the seq up to which the device was given all of its mailbox; -1: not known

    def advance(self, state: str) -> None:
        """Move to ``state``; raises RuntimeError when the table does not allow it."""
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"connection {self.id}: {self.state} -> {state}")
        self.state = state

    @property
    def user(self) -> str:
        """How trace events name the user (manual, trace connection)."""
        return str(self.client) if self.kind == "client" else self.admin or "unknown"

    @property
    def box(self) -> str:
        """The mailbox copy of this device: the primary's belongs to the client, whatever device it is on."""
        return "primary" if self.device_type == "primary" else self.device_id

    def forget_device(self) -> None:
        """Not registered any more: back to *negotiated*."""
        if self.state == "registered":
            self.advance("negotiated")
        self.device_id = self.device_type = ""

    def notify(self, method: str, params: Result) -> None:
        """Queue one notification; a connection that is gone loses it (facts are in the store)."""
        self.push(notification(method, params))

    def push(self, message: bytes) -> None:
        """Queue one message that is encoded already."""
        transport = self.transport
        if transport is not None and self.state != "closed":
            transport.send(message)


class Connections:
    """The open connections of one worker, by id. ``prefix``: of the ids, unique to this start of this worker."""

    def __init__(self, prefix: str):
        self._prefix = prefix
        self._opened = 0
        self._by_id: dict[str, Connection] = {}
        self._of_user: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, ip: str, port: int) -> Connection:
        """A new connection in state *connected*."""
        self._opened += 1
        connection = Connection(f"{self._prefix}.{self._opened}", ip, port)
        self._by_id[connection.id] = connection
        return connection

    def get(self, id: str) -> Connection | None:
        """The connection of this id, None when it has ended."""
        return self._by_id.get(id)

    def all(self) -> list[Connection]:
        """Those that are open now, the oldest first."""
        return list(self._by_id.values())

    def admit(self, connection: Connection) -> list[Transport]:
        """Count an authenticated connection with its user. Where the user has too many, the oldest are to be closed:
        their transports are returned, each once, and they count no longer, for closing takes a while."""
        user = connection.user
        self._of_user[user] += 1
        excess = self._of_user[user] - MAX_CONNECTIONS
        if excess <= 0:
            return []
        staying = [other for other in self._by_id.values() if other.user == user and not other.ending]
        closing = [(other, other.transport) for other in staying if other.transport is not None][:excess]
        for other, _ in closing:
            other.ending = True
        self._of_user[user] -= len(closing)
        return [transport for _, transport in closing]

    def forget(self, connection: Connection) -> None:
        """Forget a connection that ends."""
        self._by_id.pop(connection.id, None)
        if connection.state != "connected" and not connection.ending:
            self._of_user[connection.user] -= 1
            if not self._of_user[connection.user]:
                del self._of_user[connection.user]
