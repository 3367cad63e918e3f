"""Client info: what a client tells of itself, for the operator's eyes (manual, show client-info)."""

from msgspec import UNSET

from ..service.connection import Connection
from ..service.worker import Worker
from ..store.objects import Info
from ..wire.vocabulary import Done, Nothing, PutInfo


def put(worker: Worker, connection: Connection, params: PutInfo, now: int) -> Done:
    """info.put {client_time, os, os_version, scan_time?} -> {}. Replaces what was told before; the version of the
    software is that of register. Fails: not-registered, try-again."""
    scanned = None if params.scan_time is UNSET else params.scan_time
    worker.objects.put_info(
        connection.client, Info(now, params.client_time, scanned, params.os, params.os_version, connection.version)
    )
    worker.events.object(connection.client, "update client_info")
    return Done()


def delete(worker: Worker, connection: Connection, params: Nothing, now: int) -> Done:
    """info.delete {} -> {}: forget what was told. Fails: not-registered, try-again."""
    worker.objects.delete_info(connection.client)
    worker.events.object(connection.client, "delete client_info")
    return Done()
