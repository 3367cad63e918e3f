"""What a client keeps at the CRS for all its devices.

Values are bytes here and base64 on the wire; the caller encrypts and merges them.
"""

import base64
import secrets
from typing import NamedTuple

from msgspec import UNSET

from crs.client.connection import NOTHING, ClientConnection
from crs.errors import NotFound
from crs.wire.vocabulary import BlobInfo, BlobList, BlobType, Done, FoundBlob, PutBlob, PutDone


class StoredValue(NamedTuple):
    """One value; ``id`` is what the next put replaces."""

    id: str
    updated: int  # ms
    value: bytes


class ClientStorage:
    """The values of this client, by type."""

    def __init__(self, client: ClientConnection):
        self._client = client

    def put(self, type: str, value: bytes, replaces: str | None = None) -> str:
        """Store ``value``; returns its id. ``replaces``: the id that must be there, "" for none. Raises Conflict
        (details: the id that is there), QuotaExceeded, Unavailable."""
        identity = secrets.token_hex(12)
        text = base64.b64encode(value).decode()
        request = PutBlob(identity, type, text, UNSET if replaces is None else replaces)
        return self._client.call("storage.put", request, PutDone).id

    def get(self, type: str) -> StoredValue | None:
        """The value of a type; None if there is none. Raises ValueError if it was not stored by this class."""
        try:
            found = self._client.call("storage.get", BlobType(type), FoundBlob)
        except NotFound:
            return None
        return StoredValue(found.id, found.updated, base64.b64decode(found.value, validate=True))

    def delete(self, type: str) -> None:
        self._client.call("storage.delete", BlobType(type), Done)

    def list(self) -> list[BlobInfo]:  # last: in the class body, ``list`` means this method from here on
        return self._client.call("storage.list", NOTHING, BlobList).blobs
