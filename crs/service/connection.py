"""One client's connection: its states, who is behind it, what it was told. No sockets in here.

*connected → authenticated → negotiated → registered → closed*; a transition that is not in the table is a fault of
this house. ``transport`` is anything with ``send(bytes)`` and ``close(code, reason)``.
"""

from ..names import Client
from ..wire.vocabulary import Result, notification

TRANSITIONS = {
    "connected": {"authenticated", "closed"},
    "authenticated": {"negotiated", "closed"},
    "negotiated": {"registered", "closed"},
    "registered": {"negotiated", "registered", "closed"},
    "closed": set(),
}


class Connection:
    """The state of one TLS connection; ``worker`` carries the services that handlers use."""

    __slots__ = (
        "admin",
        "admin_since",
        "backlog",
        "client",
        "deliver",
        "device_id",
        "device_type",
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
        "worker",
    )

    def __init__(self, worker, identity: str, ip: str, port: int):
        self.worker = worker
        self.id = identity
        self.ip = ip
        self.port = port
        self.state = "connected"
        self.kind = "unknown"
        self.client: Client | None = None
        self.admin: str | None = None
        self.admin_since = 0
        self.month: str | None = None
        self.device_id: str | None = None
        self.device_type: str | None = None
        self.since = 0
        self.version = ""
        self.transport = None
        self.backlog = 0
        self.deliver = False  # the device wants messages, not hints
        self.given = -1  # the seq up to which it was given all of its mailbox; -1: not known

    def advance(self, state: str) -> None:
        """Move to ``state``; raises RuntimeError when the table does not allow it."""
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"connection {self.id}: {self.state} -> {state}")
        self.state = state

    @property
    def user(self) -> str:
        """How trace events name the user (manual, trace connection)."""
        return str(self.client) if self.client else self.admin or "unknown"

    @property
    def box(self) -> str:
        """The mailbox copy of this device: the primary's belongs to the client, whatever device it is on."""
        return "primary" if self.device_type == "primary" else self.device_id

    def notify(self, method: str, params: Result) -> None:
        """Queue one notification; a connection that is gone loses it (facts are in the store)."""
        self.push(notification(method, params))

    def push(self, message: bytes) -> None:
        transport = self.transport
        if transport is not None and self.state != "closed":
            transport.send(message)
