"""Secondary devices: a mailbox copy from their first registration on, until they stay away too long."""

from crs.store import DEVICE_EXPIRY, schema
from crs.store.commands import pairs
from crs.store.items import Draft, Quota, bucket, ref
from test.store.conftest import ALICE, BOB, DAY, NOW, acknowledge, depth

BUCKETS = range(64)
LATE = DEVICE_EXPIRY // 16  # a look may come so much later


def post(store, id):
    store.mailbox.post(Draft(BOB, ALICE, id, "content", NOW + 99 * DAY, "x"), NOW, Quota(100, 10_000))


def known(store):
    """The secondary devices of BOB, and when each was last seen."""
    flat = store.low.call("HGETALL", schema.devices(BOB))
    return {device.decode(): int(time) for device, time in pairs(flat)}


def test_a_copy_of_what_is_posted_from_now_on(store):
    post(store, "before")
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store, "after")
    assert known(store) == {"tablet": NOW}
    assert [item.id for item in store.mailbox.fetch(BOB, "tablet", 0, 9, NOW)[0]] == ["after"]
    assert store.mailbox.waiting(BOB, "primary") == 2


def test_a_secondary_that_becomes_the_primary_gives_up_its_copy(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store, "m1")
    store.devices.seen(BOB, "tablet", "primary", NOW + 1)
    assert known(store) == {}
    assert acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")])[0] == 1
    assert depth(store, BOB) == (0, 0)


def test_one_that_stays_away_is_forgotten_with_its_copy(store, plain):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store, "m1")
    acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")])
    assert list(store.devices.due(BUCKETS, NOW + DEVICE_EXPIRY - 1, 10)) == []
    late = NOW + DEVICE_EXPIRY + LATE
    forgotten = [
        (client, device, store.devices.forget(client, device, late))
        for client, device in store.devices.due([bucket(BOB)], late, 10)
    ]
    assert forgotten == [(BOB, "tablet", True)]
    assert list(store.devices.due(BUCKETS, late + DEVICE_EXPIRY, 10)) == []
    assert depth(store, BOB) == (0, 0)
    assert plain.call("EXISTS", schema.mail(BOB), schema.box(BOB, "tablet"), schema.devices(BOB)) == 0


def test_one_that_was_seen_stays_and_is_looked_at_again(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    first = NOW + DEVICE_EXPIRY + LATE
    for client, device in store.devices.due(BUCKETS, first, 10):
        store.devices.seen(client, device, "secondary", first)  # it is registered, says the directory
        assert not store.devices.forget(client, device, first)
    second = first + DEVICE_EXPIRY + LATE
    assert list(store.devices.due(BUCKETS, second, 10)) == [(BOB, "tablet")]


def test_a_look_that_was_too_early_comes_again(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    store.devices.seen(BOB, "tablet", "secondary", NOW + 9 * DAY)
    looks = list(store.devices.due(BUCKETS, NOW + DEVICE_EXPIRY + LATE, 10))
    assert looks == [(BOB, "tablet")]
    assert not store.devices.forget(BOB, "tablet", NOW + DEVICE_EXPIRY + LATE)
    assert list(store.devices.due(BUCKETS, NOW + DEVICE_EXPIRY + 9 * DAY + LATE, 10)) != []


def test_a_worker_that_dies_at_the_look_leaves_it(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    late = NOW + DEVICE_EXPIRY + LATE
    for _ in store.devices.due(BUCKETS, late, 10):
        break
    assert list(store.devices.due(BUCKETS, late, 10)) == [(BOB, "tablet")]
