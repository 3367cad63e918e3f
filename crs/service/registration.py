"""Registration: which device a connection stands for in the directory, and how that ends (manual, trace attach)."""

import gevent

from .. import log
from ..config.settings import Config
from ..errors import Conflict, CrsError
from ..loop.timers import Timers
from ..names import Client
from ..store.directory import Directory, Entry
from ..wire.vocabulary import Register, Unregistered
from .accounts import Accounts
from .connection import Connection, Connections
from .events import Events

LOG = log.get("attach")


class Registrar:
    """Puts devices on connections of one worker into the directory, and takes them out. ``worker`` and ``host`` are the
    names under which the directory finds them."""

    def __init__(
        self,
        conf: Config,
        worker: str,
        connections: Connections,
        accounts: Accounts,
        directory: Directory,
        events: Events,
        timers: Timers,
    ):
        self._conf = conf
        self._worker = worker
        self._connections = connections
        self._accounts = accounts
        self._directory = directory
        self._events = events
        self._timers = timers

    def admits(self, connection: Connection) -> bool:
        """Whether the account and month, or the admin, that this connection was made with are still good."""
        if connection.kind == "admin":
            admin = self._accounts.rules.admins.get(connection.admin)
            return admin is not None and admin.created == connection.admin_since
        loaded = self._accounts.months.get(connection.client.account, {})
        return connection.month in loaded and self._accounts.is_valid(connection.month)

    def enter(self, connection: Connection, params: Register, now: int) -> None:
        """Register a device. Those that it replaces are dismissed.

        The connection is *registered* before its entry is in the directory, so that whoever replaces the entry at this
        very moment finds somebody to dismiss; ``since`` tells one registration of a connection from the next. Raises
        Busy (too many secondary devices), Conflict (another registration was quicker), Unavailable.
        """
        since = connection.since = max(now, connection.since + 1)
        connection.device_id, connection.device_type = params.device_id, params.type
        connection.version = params.version
        connection.deliver, connection.given = params.deliver, -1
        connection.advance("registered")
        try:
            replaced = self._directory.register(connection.client, self._entry(connection), now)
        except CrsError:
            connection.forget_device()
            raise
        for entry in replaced:
            self._directory.dismiss(entry, "replaced")
        if connection.state != "registered" or connection.since != since:
            raise Conflict("another registration of this device took its place meanwhile")

    def renew(self, connection: Connection) -> None:
        """Put an entry back that was dropped as stale; where another registration has its place, the device is
        dismissed. Raises Unavailable."""
        if not self._directory.renew(connection.client, self._entry(connection)):
            self.dismissed(connection, "replaced")

    def leave(self, connection: Connection, description: str) -> None:
        """Take a registered device out of the directory; its connection goes on. Raises Unavailable: then the upkeep
        takes it out."""
        device = connection.device_id
        self._events.attach(connection, "unregistered", description)
        connection.forget_device()
        self._directory.unregister(connection.client, device, connection.id)

    def dismissed(self, connection: Connection, reason: str, since: int | None = None) -> None:
        """The CRS ends a registration: the device is told why. Raises as ``leave``.

        ``since`` names the registration that is meant: a later one of the same connection stays.
        """
        if connection.state != "registered" or since not in (None, connection.since):
            return
        LOG.info(f"{connection.client} unregistered: {reason}")
        connection.notify("unregistered", Unregistered(reason))
        self.leave(connection, reason)
        self.schedule_cleanup(connection)

    def expel(self, connection: Connection, reason: str) -> None:
        """End the registration and the connection. Raises as ``leave``."""
        self.dismissed(connection, reason)
        if connection.transport is not None:
            gevent.spawn(connection.transport.close, 1008, reason)

    def schedule_cleanup(self, connection: Connection) -> None:
        """Close a connection that stays unregistered, where ``detach-cleanup`` says so (manual 4.12)."""
        client: Client | None = connection.client if connection.kind == "client" else None
        delay = self._conf.detach_cleanup_for(connection.ip, client)
        if delay is not None:
            self._timers.after(delay, self._clean_up, connection.id, connection.since)

    def _clean_up(self, id: str, since: int) -> None:
        connection = self._connections.get(id)
        if connection is None or connection.since != since:  # it registered again meanwhile
            return
        if connection.state != "registered" and connection.transport is not None:
            gevent.spawn(connection.transport.close, 1000, "not registered")

    def _entry(self, connection: Connection) -> Entry:
        return Entry(
            device_id=connection.device_id,
            type=connection.device_type,
            worker=self._worker,
            connection=connection.id,
            since=connection.since,
            version=connection.version,
            ip=connection.ip,
            port=connection.port,
            host=self._conf.name,
        )
