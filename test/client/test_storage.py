"""Values kept at the CRS: bytes here, base64 on the wire."""

import pytest
from msgspec import UNSET

from crs.client.storage import ClientStorage, StoredValue
from crs.errors import NotFound
from crs.wire.vocabulary import BlobInfo, BlobList, Done, FoundBlob, PutDone
from test.client.fakes import FakeClient


def test_a_value_is_put_as_base64_under_a_new_id():
    client = FakeClient(storage_put=lambda blob: PutDone(blob.type, blob.id, 7))
    storage = ClientStorage(client)
    ids = [storage.put("contacts", b"\0\xff"), storage.put("contacts", b"", "old")]
    first, second = client.params("storage.put")
    assert (first.type, first.value, first.replaces) == ("contacts", "AP8=", UNSET)
    assert (second.value, second.replaces) == ("", "old")
    assert ids == [first.id, second.id] and first.id != second.id


def test_a_value_is_read_back_and_none_is_none():
    client = FakeClient(storage_get=[FoundBlob("contacts", "i1", 7, "AP8="), NotFound("none")])
    storage = ClientStorage(client)
    assert storage.get("contacts") == StoredValue("i1", 7, b"\0\xff")
    assert storage.get("contacts") is None


def test_what_is_not_base64_is_an_error():
    client = FakeClient(storage_get=FoundBlob("contacts", "i1", 7, "not base64"))
    with pytest.raises(ValueError):
        ClientStorage(client).get("contacts")


def test_list_and_delete():
    info = BlobInfo("contacts", "i1", 7, 2)
    client = FakeClient(storage_list=BlobList([info], 2, 1000), storage_delete=Done())
    storage = ClientStorage(client)
    assert storage.list() == [info]
    storage.delete("contacts")
    assert client.params("storage.delete")[0].type == "contacts"
