"""The directory: who is registered, who replaces whom, who is woken, what a dead worker leaves."""

from itertools import count

import gevent
import pytest

from crs.errors import Busy, Conflict
from crs.names import Client
from crs.store import wakeups
from crs.store.directory import Entry
from crs.store.wakeups import ALL, Dismiss, Lost, Mail, Notify
from test.store.conftest import ALICE, BOB, DAY, NOW

_connections = count()


def entry(device="phone", type="primary", worker="attach:0", since=NOW):
    return Entry(device, type, worker, f"0.boot.{next(_connections)}", since, "5.0", "2001:db8::1", 40000, "crs1")


def devices(store, client=BOB):
    return sorted(held.device_id for held in store.directory.lookup(client))


def test_what_was_registered_is_found(store):
    phone = entry()
    assert store.directory.register(BOB, phone, NOW) == []
    assert store.directory.lookup(BOB) == [phone]
    assert store.directory.lookup(ALICE) == []


def test_a_device_replaces_itself_and_a_primary_the_primary(store):
    first, second, third = entry(), entry(), entry("other phone")
    tablet = entry("tablet", "secondary")
    store.directory.register(BOB, first, NOW)
    store.directory.register(BOB, tablet, NOW)
    assert store.directory.register(BOB, second, NOW) == [first]
    assert store.directory.register(BOB, second, NOW) == []  # the same connection again
    assert store.directory.register(BOB, third, NOW) == [second]
    assert devices(store) == ["other phone", "tablet"]


def test_a_fresh_registration_wins_even_when_the_clock_stepped_back(store):
    store.directory.register(BOB, entry(since=NOW), NOW)
    later = entry(since=NOW - DAY)
    store.directory.register(BOB, later, NOW - DAY)
    assert store.directory.lookup(BOB) == [later]


def test_four_secondaries_and_no_more(store):
    for number in range(4):
        store.directory.register(BOB, entry(f"tablet{number}", "secondary"), NOW)
    store.directory.register(BOB, entry("tablet0", "secondary"), NOW)
    store.directory.register(BOB, entry(), NOW)
    with pytest.raises(Busy):
        store.directory.register(BOB, entry("tablet4", "secondary"), NOW)
    assert len(devices(store)) == 5


def test_a_secondary_away_still_has_its_place(store):
    """The limit is on copies of the mailbox, so it is not enough to be off-line."""
    for number in range(4):
        tablet = entry(f"tablet{number}", "secondary")
        store.directory.register(BOB, tablet, NOW)
        store.directory.unregister(BOB, tablet.device_id, tablet.connection)
    with pytest.raises(Busy):
        store.directory.register(BOB, entry("tablet4", "secondary"), NOW)


def test_no_secondary_may_take_the_box_of_the_primary(store):
    with pytest.raises(Conflict):
        store.directory.register(BOB, entry("primary", "secondary"), NOW)
    assert store.directory.register(BOB, entry("primary"), NOW) == []


def test_unregister_minds_a_later_registration(store):
    first, second = entry(), entry()
    store.directory.register(BOB, first, NOW)
    store.directory.register(BOB, second, NOW)
    assert not store.directory.unregister(BOB, "phone", first.connection)
    assert devices(store) == ["phone"]
    assert store.directory.unregister(BOB, "phone", second.connection)
    assert devices(store) == []


def test_renew_puts_back_what_nobody_replaced(store):
    mine, theirs = entry(since=NOW), entry("other phone", since=NOW + 1)
    assert store.directory.renew(BOB, mine)
    assert store.directory.renew(BOB, mine)
    store.directory.register(BOB, theirs, NOW + 1)
    assert not store.directory.renew(BOB, mine)
    assert store.directory.lookup(BOB) == [theirs]


def test_entries_of_a_dead_worker(store):
    left, replaced = entry(), entry(worker="attach:1")
    store.directory.register(ALICE, replaced, NOW)
    newer = entry()
    store.directory.register(ALICE, newer, NOW)
    store.directory.register(BOB, left, NOW)
    assert sorted(store.directory.entries_of("attach:0")) == sorted(
        [(ALICE, "phone", newer.connection), (BOB, "phone", left.connection)]
    )
    for client, device, connection in store.directory.entries_of("attach:1"):
        assert not store.directory.unregister(client, device, connection)
    assert list(store.directory.entries_of("attach:1")) == []
    assert devices(store, ALICE) == ["phone"]


def test_attached_lists_every_device(store):
    many = {Client(f"+4670{number:07}", "acme"): entry() for number in range(1200)}
    for client, phone in many.items():
        store.directory.register(client, phone, NOW)
    found = list(store.directory.attached())
    assert len(found) == len(many)
    assert dict(found) == many


@pytest.fixture
def heard(store):
    """What two workers hear, as (worker, addressee, wake-up), in order."""
    messages = []
    for worker in ("attach:0", "attach:1"):
        subscriber = store.subscriber(worker, lambda: None)

        def listen(worker=worker, subscriber=subscriber):
            for _, message in subscriber:
                messages.append((worker, *wakeups.decode(message)))

        gevent.spawn(listen)
        assert subscriber.ready.wait(10)
    return messages


def wait_for(messages, number):
    with gevent.Timeout(10):
        while len(messages) < number:
            gevent.sleep(0.005)
    return messages


def test_wake_reaches_devices_on_their_workers(store, heard):
    phone, tablet = entry(), entry("tablet", "secondary", "attach:1")
    store.directory.register(BOB, phone, NOW)
    store.directory.register(BOB, tablet, NOW)
    wakeup = Notify('{"å":\n1}'.encode())
    assert store.directory.wake(BOB, wakeup) == 2
    assert store.directory.wake(BOB, wakeup, ["tablet", "unknown"]) == 1
    assert store.directory.wake(BOB, wakeup, but="tablet") == 1
    assert store.directory.wake(BOB, wakeup, ["tablet"], but="tablet") == 0
    assert store.directory.wake(ALICE, wakeup) == 0
    to_phone = ("attach:0", phone.connection, wakeup)
    to_tablet = ("attach:1", tablet.connection, wakeup)
    assert sorted(wait_for(heard, 4), key=lambda message: message[0]) == [to_phone, to_phone, to_tablet, to_tablet]


def test_an_entry_that_nobody_hears_is_taken_out(store, heard):
    stale = entry(worker="attach:7")
    store.directory.register(BOB, stale, NOW)
    store.directory.register(BOB, entry("tablet", "secondary"), NOW)
    assert store.directory.wake(BOB, Notify(b"x")) == 1
    assert devices(store) == ["tablet"]


def test_dismiss_goes_to_a_connection_that_was_replaced(store, heard):
    old = entry(worker="attach:1")
    assert store.directory.dismiss(old, "replaced")
    assert wait_for(heard, 1) == [("attach:1", old.connection, Dismiss(old.since, "replaced"))]
    assert not store.directory.dismiss(entry(worker="attach:7"), "replaced")


def test_a_hint_goes_to_all_devices_of_a_client(store, heard):
    phone, tablet = entry(), entry("tablet", "secondary", "attach:1")
    store.directory.register(BOB, phone, NOW)
    store.directory.register(BOB, tablet, NOW)
    mail = Mail(1, 2, 3, "content", ALICE.uri, ALICE.account, "id", b'{"body":"\n"}')
    store.directory.hint(BOB, mail)
    assert sorted(wait_for(heard, 2), key=lambda message: message[0]) == [
        ("attach:0", phone.connection, mail),
        ("attach:1", tablet.connection, mail),
    ]


def test_look_again_goes_to_every_worker(store, heard):
    store.directory.look_again()
    assert sorted(wait_for(heard, 2), key=lambda message: message[0]) == [
        ("attach:0", ALL, Lost()),
        ("attach:1", ALL, Lost()),
    ]


def test_processes_that_say_so_are_listed(store):
    store.directory.announce("attach:1", 11, 5, NOW, ["acme"], 12.5)
    store.directory.announce("attach:0", 10, 7, NOW - 60_000)
    assert [
        (process.host, process.name, process.pid, process.clients, process.accounts, process.stall)
        for process in store.directory.processes(NOW)
    ] == [("crs1", "attach:1", 11, 5, ["acme"], 12.5)]
