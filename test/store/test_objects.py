"""What is kept for a client beside its mailbox, and that erasing an account leaves nothing of it."""

import pytest

from crs.errors import Conflict, QuotaExceeded
from crs.store.directory import Entry
from crs.store.items import Draft, Quota
from crs.store.objects import MAX_TYPES, Info, PushTokens
from test.store.conftest import ALICE, BOB, DAY, NOW

FOREIGN = ALICE._replace(account="acme-2")  # the same number, in an account whose name begins alike


def test_token(store):
    assert store.objects.token(ALICE) is None
    store.objects.put_token(ALICE, "token", NOW)
    store.objects.put_token(ALICE, "newer", NOW + 1)
    assert store.objects.token(ALICE) == ("newer", NOW + 1)
    assert store.objects.token(FOREIGN) is None


def test_the_last_confirmation_counts(store):
    store.objects.confirm(ALICE, "202611", NOW)
    store.objects.confirm(ALICE, "202611", NOW + 1)
    store.objects.confirm(ALICE, "202612", NOW + 2)
    assert store.objects.confirmed(ALICE) == {"202611": NOW + 1, "202612": NOW + 2}
    assert store.objects.confirmed(BOB) == {}


def test_observed(store):
    store.objects.observe(ALICE)
    assert store.objects.observed([BOB, ALICE, FOREIGN]) == [False, True, False]
    assert store.objects.observed([]) == []
    assert store.objects.forget_observed("acme") == 1
    assert store.objects.observed([ALICE]) == [False]


def info(os: str) -> Info:
    return Info(NOW, NOW - 1500, None, os, "17.1", "3.30.0")


def test_client_info(store):
    assert store.objects.info(ALICE) is None
    for client in (ALICE, FOREIGN):
        store.objects.put_info(client, info("ios"))
    store.objects.put_info(ALICE, info("android"))
    assert store.objects.info(ALICE) == info("android")
    assert list(store.objects.all_info("acme")) == [(ALICE, info("android"))]
    assert [store.objects.delete_info(ALICE) for _ in range(2)] == [True, False]
    assert list(store.objects.all_info("acme")) == []


def test_push_tokens_are_those_of_the_devices_that_a_client_has(store):
    def tokens(device, type, text):
        return PushTokens(device, type, "ios", NOW - 1, NOW, {"voip": text})

    for stored in (
        tokens("tablet", "secondary", "a"),
        tokens("phone-1", "primary", "b"),
        tokens("phone-1", "primary", "c"),
    ):
        store.objects.put_push_tokens(ALICE, stored)
    assert store.objects.push_tokens(ALICE) == [tokens("phone-1", "primary", "c"), tokens("tablet", "secondary", "a")]
    store.objects.put_push_tokens(ALICE, tokens("phone-2", "primary", "d"))
    assert [stored.device_id for stored in store.objects.push_tokens(ALICE)] == ["phone-2", "tablet"]
    assert store.objects.forget_push_tokens(ALICE, "tablet")
    assert not store.objects.forget_push_tokens(ALICE, "tablet")
    assert store.objects.push_tokens(ALICE) == [tokens("phone-2", "primary", "d")]


def test_a_stored_value_is_put_once_under_an_id(store):
    objects = store.objects
    assert objects.put_blob(ALICE, "contacts", "p1", "one", NOW, 1000) == NOW
    assert objects.put_blob(ALICE, "contacts", "p1", "one", NOW + 5, 1000) == NOW  # a retry
    assert objects.put_blob(ALICE, "contacts", "p2", "two\nlines å", NOW + 6, 1000) == NOW + 6
    assert objects.blob(ALICE, "contacts") == ("p2", NOW + 6, "two\nlines å")
    assert objects.blob(ALICE, "history") is None and objects.blob(FOREIGN, "contacts") is None
    assert list(objects.storage("acme")) == [(ALICE, 12, NOW + 6, "contacts")]
    assert [objects.delete_blob(ALICE, "contacts") for _ in range(2)] == [True, False]
    assert objects.blobs(ALICE) == {}


def test_a_value_replaces_only_the_one_that_was_meant(store):
    def put(id, replaces):
        return store.objects.put_blob(ALICE, "contacts", id, "x", NOW, 1000, replaces)

    with pytest.raises(Conflict) as refused:
        put("p1", "p0")
    assert refused.value.details == {"id": ""}
    put("p1", "")
    put("p1", "")  # a retry finds its own
    with pytest.raises(Conflict) as refused:
        put("p2", "")
    assert refused.value.details == {"id": "p1"}
    put("p2", "p1")
    assert store.objects.blob(ALICE, "contacts").id == "p2"


def test_an_id_that_stands_for_another_value_is_no_retry(store):
    store.objects.put_blob(ALICE, "contacts", "p1", "one", NOW, 1000)
    with pytest.raises(Conflict):
        store.objects.put_blob(ALICE, "contacts", "p1", "two", NOW, 1000)
    assert store.objects.blob(ALICE, "contacts").value == "one"


def test_the_quota_counts_everything_that_is_stored(store):
    objects = store.objects
    objects.put_blob(ALICE, "a", "p1", "x" * 100, NOW, 1000)
    used = objects.blobs(ALICE)["a"][1]
    assert used == len("a" + f"{NOW} p1\n") + 100
    with pytest.raises(QuotaExceeded):
        objects.put_blob(ALICE, "b", "p2", "x" * 100, NOW, 2 * used - 1)
    assert set(objects.blobs(ALICE)) == {"a"}
    objects.put_blob(ALICE, "b", "p2", "x" * 100, NOW, 2 * used)
    objects.put_blob(ALICE, "b", "p3", "y" * 100, NOW, 2 * used)  # what it replaces does not count
    for number in range(MAX_TYPES - 2):
        objects.put_blob(ALICE, f"t{number}", "p", "", NOW, 1_000_000)
    with pytest.raises(QuotaExceeded):
        objects.put_blob(ALICE, "one-more", "p", "", NOW, 1_000_000)
    objects.put_blob(ALICE, "a", "p4", "", NOW, 1_000_000)


def test_an_upload_is_whole_when_all_parts_are_there(store):
    uploads = store.uploads
    assert uploads.whole("ann", "u1", 2) == (b"", [0, 1])
    uploads.put("ann", "u1", 1, "world")
    assert uploads.whole("ann", "u1", 2) == (b"", [0])
    for _ in range(2):
        uploads.put("ann", "u1", 0, "hello ")
    assert uploads.whole("ann", "u1", 2) == (b"hello world", [])
    assert uploads.whole("bob", "u1", 2) == (b"", [0, 1])
    uploads.put("ann", "u2", 0, "other")
    assert uploads.whole("ann", "u1", 2) == (b"", [0, 1])
    uploads.forget("ann")
    assert uploads.whole("ann", "u2", 1) == (b"", [0])


def test_erase_takes_one_account_and_no_other(store):
    def fill(client):
        store.devices.seen(client, "tablet", "secondary", NOW)
        store.mailbox.post(Draft(client, client, "m", "content", NOW + DAY, "x"), NOW, Quota(10, 10_000))
        store.mailbox.fetch(client, "primary", 0, 10, NOW)
        store.directory.register(
            client, Entry("phone", "primary", "attach:0", f"0.{client}", NOW, "5.0", "::1", 1, "crs1"), NOW
        )
        store.calls.join("crs1.abc", client)
        store.objects.put_token(client, "token", NOW)
        store.objects.confirm(client, "202611", NOW)
        store.objects.observe(client)
        store.objects.put_info(client, info("ios"))
        store.objects.put_push_tokens(client, PushTokens("phone", "primary", "ios", NOW, NOW, {}))
        store.objects.put_blob(client, "contacts", "p1", "x", NOW, 1000)
        store.statistics.count(client, "message-outgoing")

    for client in (ALICE, BOB, FOREIGN):
        fill(client)
    assert store.erase("acme") == 2
    left = [key for redis in (store.low, store.high) for key, _ in redis.each("*", lambda key: ("TYPE", key))]
    assert [key for key in left if b"@acme" in key and b"@acme-2" not in key or key == b"observed:acme"] == []
    assert store.mailbox.waiting(FOREIGN, "tablet") == 1
    assert store.objects.observed([FOREIGN]) == [True]
    later = NOW + 2 * DAY
    assert set(store.mailbox.due(range(64), later, 10)) == {ALICE, BOB, FOREIGN}  # looks that find nothing, and go
    assert list(store.mailbox.due(range(64), later + 1, 10)) == [FOREIGN]
    assert store.erase("acme") == 0
