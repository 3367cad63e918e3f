"""Register and unregister: from here on (or no longer) this device is reached."""

from ..connection import Connection
from ..errors import Conflict, Denied
from ..protocol import Done, KeepAlive, Nothing, Register, Registered, Unregistered, UpdateState
from .session import states_of


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
        _deny(connection, "this client is blacklisted", reason="blacklisted")
    if not worker.admits(connection):
        _deny(connection, "the account or the month of this credential is not loaded here any more")
    if not worker.accounts.is_listed(client):
        worker.store.objects.observe(client)
    connection.device_id, connection.device_type = params.device_id, params.type
    connection.version, connection.since = params.version, now
    replaced = worker.store.directory.register(client, worker.entry(connection), now)
    connection.advance("registered")
    worker.trace_attach(connection, "registered", params.version)
    for entry in replaced:
        worker.dismiss(entry, "replaced")
    method, interval = worker.conf.keep_alive_for(connection.ip, client)[:2]
    return Registered(
        uri=client.uri, account=client.account, host=worker.host, worker=worker.name, connection=connection.id,
        time=now, keep_alive=KeepAlive(method, interval),
        waiting=worker.store.mailbox.waiting(client, connection.box),
        sessions=states_of(connection), updates=[UpdateState(*one) for one in worker.updates_of(client)])


def _deny(connection: Connection, why: str, **details):
    connection.worker.trace_attach(connection, "denied", why)
    connection.worker.schedule_cleanup(connection)
    raise Denied(why, **details)


def unregister(connection: Connection, params: Nothing, now: int) -> Done:
    """unregister {} -> {}. The connection stays; register again any time. Fails: try-again."""
    leave(connection, "asked by the client")
    connection.worker.schedule_cleanup(connection)
    return Done()


def leave(connection: Connection, description: str) -> None:
    """Take a registered connection out of the directory and back to *negotiated*."""
    worker = connection.worker
    worker.store.directory.unregister(connection.client, connection.device_id, connection.id)
    connection.advance("negotiated")
    connection.device_id = connection.device_type = None
    worker.trace_attach(connection, "unregistered", description)


def dismissed(connection: Connection, reason: str) -> None:
    """The CRS takes this device off: tell it why, forget it, close later where detach-cleanup says so."""
    if connection.state != "registered":
        return
    connection.notify("unregistered", Unregistered(reason))
    leave(connection, reason)
    connection.worker.schedule_cleanup(connection)
