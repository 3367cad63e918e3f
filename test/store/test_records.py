"""Records: the last writer wins, what is deleted stays deleted, workers hear that something changed."""

import gevent
import msgspec
import pytest

from crs.store import schema, wakeups
from crs.store.direct import Direct
from crs.store.records import Attached, Records
from test.store.conftest import NOW


@pytest.fixture
def records(store):
    return Records(store.low, store.high, "crs1")


def stored(store, element):
    return msgspec.json.decode(store.low.call("HGET", schema.records("fruit"), element))


def test_a_value_is_stored_as_it_is(records):
    value = {"text": 'quote " back \\ line\n å', "big": 2**53 + 1, "none": None, "list": []}
    records.put("fruit", "odd", value, NOW)
    assert records.get("fruit", "odd") == value
    assert records.all("fruit") == {"odd": value}
    assert list(records.walk("fruit")) == [("odd", value)]
    assert records.get("fruit", "none") is None and records.all("other") == {}


def test_a_deleted_record_leaves_a_tombstone(store, records):
    records.put("fruit", "apple", 1, NOW)
    records.delete("fruit", "apple", NOW)
    assert records.get("fruit", "apple") is None
    assert records.all("fruit") == {} and list(records.walk("fruit")) == []
    assert stored(store, "apple") == {"v": None, "t": NOW + 1, "h": "crs1", "d": True}


def test_walk_gives_all_in_the_order_of_the_elements(records):
    for element in ("c", "a", "b"):
        records.put("fruit", element, element, NOW)
    assert list(records.walk("fruit")) == [("a", "a"), ("b", "b"), ("c", "c")]


def test_an_attached_hash_is_replaced_and_goes_with_its_record(store, records):
    def held():
        return store.low.call("HGETALL", "seeds")

    records.put("fruit", "apple", 1, NOW, Attached("seeds", {"a": "1", "b": "2"}))
    records.put("fruit", "pear", 1, NOW)
    assert held() == [b"a", b"1", b"b", b"2"]
    records.put("fruit", "apple", 1, NOW, Attached("seeds", {"c": "3"}))
    assert held() == [b"c", b"3"]
    records.delete("fruit", "apple", NOW, "seeds")
    assert held() == []


def test_every_stamp_is_later_than_all_before_it_whatever_the_clock_says(store, records):
    stamps = []
    for now in (NOW, NOW, NOW - 5000, NOW + 5000):
        records.put("fruit", "apple", now, now)
        stamps.append(stored(store, "apple")["t"])
    assert stamps == [NOW, NOW + 1, NOW + 2, NOW + 5000]


def test_every_change_moves_the_version_and_hints_the_workers(store, records):
    heard = []
    subscriber = store.subscriber("attach:0", lambda: None)

    def listen():
        for _, message in subscriber:
            heard.append(wakeups.decode(message))

    gevent.spawn(listen)
    assert subscriber.ready.wait(10)
    assert records.version() == 0
    assert records.put("fruit", "apple", 1, NOW) == 1
    assert records.delete("fruit", "apple", NOW) == 2
    assert records.version() == 2
    with gevent.Timeout(10):
        while len(heard) < 2:
            gevent.sleep(0.005)
    assert heard == [(wakeups.ALL, wakeups.RecordsChanged())] * 2


def test_the_change_stands_where_the_hint_is_lost(store, records, tmp_path):
    deaf = Records(store.low, Direct(tmp_path / "nobody.sock", "high", {}), "crs1")
    assert deaf.put("fruit", "apple", 1, NOW) == 1
    assert records.get("fruit", "apple") == 1
