"""Slots as Redis Cluster counts them, homes that move as little as possible, workers that share all slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs import slots

WORKERS = st.integers(1, 64)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 12739),
        ("", 0),
        ("+46701234567", 1296),
        ("mail:{+46701234567}@acme", 1296),
        ("{{x}}", 11068),
        ("a{}b{c}", 7353),
        ("a{b", 13340),
        ("a{b}c{d}", 3300),
        ("{å}", 9800),
        ("urn:x-crs:client:test-1-a", 15201),
    ],
)
def test_slot_is_what_redis_says(key, slot):
    """The numbers are the answers of ``CLUSTER KEYSLOT``; the first is the check value of the CRC (0x31C3)."""
    assert slots.slot(key) == slot


@given(WORKERS)
def test_workers_share_all_slots_evenly(workers):
    ranges = [slots.slots(index, workers) for index in range(workers)]
    assert [slot for own in ranges for slot in own] == list(range(slots.SLOTS))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= slots.SLOTS // slots.BUCKETS


@given(WORKERS, st.integers(0, slots.SLOTS - 1))
def test_owner_walks_the_bucket(workers, slot):
    index = slots.owner(slot, workers)
    assert slots.bucket(slot) in slots.buckets(index, workers)
    assert slot in slots.slots(index, workers)


HOSTS = ["crs1", "crs2", "crs3"]


def test_home_is_the_same_in_any_order_and_fair():
    homes = [slots.home(slot, HOSTS) for slot in range(slots.SLOTS)]
    assert homes == [slots.home(slot, reversed(HOSTS)) for slot in range(slots.SLOTS)]
    for host in HOSTS:
        assert abs(homes.count(host) - slots.SLOTS / 3) < slots.SLOTS * 0.02


def test_when_a_host_goes_only_its_slots_move():
    for slot in range(slots.SLOTS):
        before, after = slots.home(slot, HOSTS), slots.home(slot, ["crs1", "crs2"])
        assert after == before or before == "crs3"


def test_homes_stay_from_release_to_release():
    """These stand in the store of a running pool: a change here would lose mailboxes."""
    assert [slots.home(slot, HOSTS) for slot in (0, 1, 2, 3, 9999, 16383)] == [
        "crs3",
        "crs1",
        "crs1",
        "crs3",
        "crs1",
        "crs3",
    ]
