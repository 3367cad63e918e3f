"""Register and unregister: from here on (or no longer) this device is reached."""

from typing import NoReturn

from ..errors import Conflict, Denied
from ..service.connection import Connection
from ..service.worker import Worker
from ..wire.vocabulary import Done, KeepAlive, Nothing, Register, Registered, UpdateState


def register(worker: Worker, connection: Connection, params: Register, now: int) -> Registered:
    """register {device_id, version, type?, deliver?} -> Registered.

    A second primary replaces the first; a device that registers again replaces its own older entry.
    Fails: denied (blacklisted, or the account or the key's month is gone), conflict (this connection serves another
    device), limit-reached (four secondary devices are registered), try-again.
    """
    client = connection.client
    if connection.device_id not in ("", params.device_id):
        raise Conflict(f"this connection serves device {connection.device_id}; open another one for another device")
    if client in worker.accounts.rules.blocked:
        _deny(worker, connection, params.type, "this client is blacklisted", reason="blacklisted")
    if not worker.registrar.admits(connection):
        why = "the account or the month of this credential is not loaded here any more"
        _deny(worker, connection, params.type, why)
    if not worker.accounts.is_listed(client):
        worker.objects.observe(client)
    worker.registrar.enter(connection, params, now)
    worker.events.attach(connection, "registered", params.version)
    method, interval = worker.conf.keep_alive_for(connection.ip, client)[:2]
    waiting, newest = worker.mailbox.state(client, connection.box)
    if not waiting:
        worker.delivery.caught_up(connection, newest)
    return Registered(
        uri=client.uri,
        account=client.account,
        host=worker.conf.name,
        worker=worker.name,
        connection=connection.id,
        time=now,
        keep_alive=KeepAlive(method, interval),
        waiting=waiting,
        sessions=worker.calls.states_of(connection),
        updates=[UpdateState(*held) for held in worker.crypto.held_for(client)],
    )


def _deny(worker: Worker, connection: Connection, type: str, why: str, **details: str) -> NoReturn:
    worker.events.attach(connection, "denied", why, type)
    worker.registrar.schedule_cleanup(connection)
    raise Denied(why, **details)


def unregister(worker: Worker, connection: Connection, params: Nothing, now: int) -> Done:
    """unregister {} -> {}. The connection stays; register again any time. Fails: try-again."""
    worker.registrar.leave(connection, "asked by the client")
    worker.registrar.schedule_cleanup(connection)
    return Done()
