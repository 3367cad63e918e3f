"""Storage: values that a client keeps at the CRS for all its devices, by type, opaque, within a quota."""

from msgspec import UNSET

from ..errors import NotFound
from ..service.connection import Connection
from ..service.worker import Worker
from ..wire.vocabulary import BlobInfo, BlobList, BlobType, Done, FoundBlob, Nothing, PutBlob, PutDone


def put(worker: Worker, connection: Connection, params: PutBlob, now: int) -> PutDone:
    """storage.put {id, type, value, replaces?} -> PutDone, once it is stored.

    A retry with the same id is answered, not stored again. Fails: conflict (not ``replaces`` is there but data.id is;
    or the same id with another value), quota-exceeded, not-registered, try-again.
    """
    client = connection.client
    updated = worker.objects.put_blob(
        client,
        params.type,
        params.id,
        params.value,
        now,
        worker.conf.storage_bytes,
        None if params.replaces is UNSET else params.replaces,
    )
    worker.events.object(client, f"update storage {params.type}")
    return PutDone(params.type, params.id, updated)


def get(worker: Worker, connection: Connection, params: BlobType, now: int) -> FoundBlob:
    """storage.get {type} -> FoundBlob. Fails: not-found, not-registered, try-again."""
    blob = worker.objects.blob(connection.client, params.type)
    if blob is None:
        raise NotFound(f"nothing of type {params.type} is stored")
    return FoundBlob(params.type, blob.id, blob.updated, blob.value)


def delete(worker: Worker, connection: Connection, params: BlobType, now: int) -> Done:
    """storage.delete {type} -> {}, also where nothing was. Fails: not-registered, try-again."""
    client = connection.client
    if worker.objects.delete_blob(client, params.type):
        worker.events.object(client, f"delete storage {params.type}")
    return Done()


def list_types(worker: Worker, connection: Connection, params: Nothing, now: int) -> BlobList:
    """storage.list {} -> BlobList: what is stored, without the values. Fails: not-registered, try-again."""
    stored = worker.objects.blobs(connection.client)
    infos = [BlobInfo(type, blob.id, blob.updated, size) for type, (blob, size) in sorted(stored.items())]
    return BlobList(infos, sum(info.bytes for info in infos), worker.conf.storage_bytes)
