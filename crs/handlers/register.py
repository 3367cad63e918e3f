"""Register and unregister: from here on (or no longer) this device is reached."""

from .. import log
from ..errors import Conflict, CrsError, Denied
from ..service import delivery
from ..service.connection import Connection
from ..wire.vocabulary import Done, KeepAlive, Nothing, Register, Registered, Unregistered, UpdateState
from .session import states_of

LOG = log.get("attach")


def register(connection: Connection, params: Register, now: int) -> Registered:
    """register {device_id, version, type?} -> Registered.

    A second primary replaces the first; a device that registers again replaces its own older entry.
    Fails: denied (blacklisted, or the account or the key's month is gone), conflict (this connection serves another
    device), limit-reached (four secondary devices are registered), try-again.
    """
    worker, client = connection.worker, connection.client
    if connection.device_id not in (None, params.device_id):
        raise Conflict(f"this connection serves device {connection.device_id}; open another one for another device")
    if client in worker.accounts.rules.blocked:
        _deny(connection, params.type, "this client is blacklisted", reason="blacklisted")
    if not worker.admits(connection):
        _deny(connection, params.type, "the account or the month of this credential is not loaded here any more")
    if not worker.accounts.is_listed(client):
        worker.store.objects.observe(client)
    _enter(connection, params, now)
    worker.trace_attach(connection, "registered", params.version)
    method, interval = worker.conf.keep_alive_for(connection.ip, client)[:2]
    waiting, newest = worker.store.mailbox.state(client, connection.box)
    if not waiting:
        delivery.caught_up(connection, newest)
    return Registered(
        uri=client.uri,
        account=client.account,
        host=worker.host,
        worker=worker.name,
        connection=connection.id,
        time=now,
        keep_alive=KeepAlive(method, interval),
        waiting=waiting,
        sessions=states_of(connection),
        updates=[UpdateState(*one) for one in worker.updates_of(client)],
    )


def _enter(connection: Connection, params: Register, now: int) -> None:
    """Into the directory. The connection is *registered* before its entry is there, so that whoever replaces the entry
    at this very moment finds somebody to dismiss; ``since`` tells one registration of a connection from the next."""
    worker, client = connection.worker, connection.client
    since = connection.since = max(now, connection.since + 1)
    connection.device_id, connection.device_type = params.device_id, params.type
    connection.version = params.version
    connection.deliver, connection.given = params.deliver, -1
    connection.advance("registered")
    try:
        replaced = worker.store.directory.register(client, worker.entry(connection), now)
    except CrsError:
        _forget(connection)
        raise
    for entry in replaced:
        worker.dismiss(entry, "replaced")
    if connection.state != "registered" or connection.since != since:
        raise Conflict("another registration of this device took its place meanwhile")


def _deny(connection: Connection, type: str, why: str, **details):
    connection.worker.trace_attach(connection, "denied", why, type)
    connection.worker.schedule_cleanup(connection)
    raise Denied(why, **details)


def unregister(connection: Connection, params: Nothing, now: int) -> Done:
    """unregister {} -> {}. The connection stays; register again any time. Fails: try-again."""
    leave(connection, "asked by the client")
    connection.worker.schedule_cleanup(connection)
    return Done()


def leave(connection: Connection, description: str) -> None:
    """Take a registered connection back to *negotiated*, and out of the directory (upkeep does it where that fails)."""
    device = connection.device_id
    connection.worker.trace_attach(connection, "unregistered", description)
    _forget(connection)
    connection.worker.store.directory.unregister(connection.client, device, connection.id)


def _forget(connection: Connection) -> None:
    if connection.state == "registered":
        connection.advance("negotiated")
    connection.device_id = connection.device_type = None


def dismissed(connection: Connection, reason: str, since: int | None = None) -> None:
    """The CRS takes this device off: tell it why, forget it, close later where detach-cleanup says so.

    ``since`` names the registration that is meant: one that came after it stays.
    """
    if connection.state != "registered" or since not in (None, connection.since):
        return
    LOG.info(f"{connection.client} unregistered: {reason}")
    connection.notify("unregistered", Unregistered(reason))
    leave(connection, reason)
    connection.worker.schedule_cleanup(connection)
