"""Storage: values that a client keeps at the CRS for all its devices, by type, opaque, within a quota."""

from msgspec import UNSET

from ..errors import NotFound
from ..service.connection import Connection
from ..wire.vocabulary import BlobInfo, BlobList, BlobType, Done, FoundBlob, Nothing, PutBlob, PutDone


def put(connection: Connection, params: PutBlob, now: int) -> PutDone:
    """storage.put {id, type, value, replaces?} -> PutDone, once it is stored.

    A retry with the same id is answered, not stored again. Fails: conflict (not ``replaces`` is there but data.id is;
    or the same id with another value), quota-exceeded, not-registered, try-again.
    """
    worker, client = connection.worker, connection.client
    updated = worker.store.objects.put_blob(
        client,
        params.type,
        params.id,
        params.value,
        now,
        worker.conf.storage_bytes,
        None if params.replaces is UNSET else params.replaces,
    )
    worker.trace("object", client.uri, f"update storage {params.type}", client.account)
    return PutDone(params.type, params.id, updated)


def get(connection: Connection, params: BlobType, now: int) -> FoundBlob:
    """storage.get {type} -> FoundBlob. Fails: not-found, not-registered, try-again."""
    blob = connection.worker.store.objects.blob(connection.client, params.type)
    if blob is None:
        raise NotFound(f"nothing of type {params.type} is stored")
    return FoundBlob(params.type, blob.id, blob.updated, blob.value)


def delete(connection: Connection, params: BlobType, now: int) -> Done:
    """storage.delete {type} -> {}, also where nothing was. Fails: not-registered, try-again."""
    worker, client = connection.worker, connection.client
    if worker.store.objects.delete_blob(client, params.type):
        worker.trace("object", client.uri, f"delete storage {params.type}", client.account)
    return Done()


def list_types(connection: Connection, params: Nothing, now: int) -> BlobList:
    """storage.list {} -> BlobList: what is stored, without the values. Fails: not-registered, try-again."""
    stored = connection.worker.store.objects.blobs(connection.client)
    infos = [BlobInfo(type, blob.id, blob.updated, size) for type, (blob, size) in sorted(stored.items())]
    return BlobList(infos, sum(one.bytes for one in infos), connection.worker.conf.storage_bytes)
