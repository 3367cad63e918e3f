"""The ledger of mailboxes: every way in and out is counted where it happens, and what is missing is found."""

from crs.names import Client
from crs.store import schema
from crs.store.conservation import LIFE, Sheet
from crs.store.items import PRIMARY, Draft, Quota

from .conftest import ALICE, BOB, DAY, NOW, acknowledge

EVERYWHERE = range(64)


def post(store, id: str, kind: str = "content", now: int = NOW, expires: int = NOW + DAY, receiver: Client = BOB):
    draft = Draft(receiver, ALICE, id, kind, expires, "body")
    store.mailbox.post(draft, now, Quota(10, 10_000))
    return draft.ref


def sheet(store, client: Client = BOB) -> Sheet:
    found = dict(
        pair for clients in store.conservation.clients(EVERYWHERE) for pair in store.conservation.weigh(clients)
    )
    assert found[client].difference == 0
    return found[client]


def test_every_way_in_and_out_is_counted_once(store):
    first, second, told = post(store, "1"), post(store, "2"), post(store, "9", "ack")
    assert sheet(store) == Sheet(posted=3, stored=3)
    post(store, "1")
    assert sheet(store) == Sheet(posted=3, stored=3)
    acknowledge(store, BOB, PRIMARY, [first, told, first])
    assert sheet(store) == Sheet(posted=3, acked=2, stored=1)
    store.mailbox.expire(BOB, [second], NOW + DAY)
    assert sheet(store) == Sheet(posted=3, acked=2, expired=1)


def test_a_copy_that_another_device_holds_is_still_stored_and_goes_with_it(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    name = post(store, "1")
    acknowledge(store, BOB, PRIMARY, [name])
    assert sheet(store) == Sheet(posted=1, stored=1)
    store.devices.forget(BOB, "tablet", NOW + 31 * DAY)
    assert sheet(store) == Sheet(posted=1, purged=1)


def test_what_is_lost_or_comes_from_nowhere_makes_a_difference(store, plain):
    name = post(store, "1")
    plain.call("HDEL", schema.mail(BOB), name)
    ((_, lost),) = store.conservation.weigh([BOB])
    assert lost.difference == 1
    plain.call("HSET", schema.mail(BOB), "a", "1", "b", "2")
    ((_, found),) = store.conservation.weigh([BOB])
    assert found.difference == -1


def test_a_mailbox_from_before_the_ledger_begins_even(store, plain):
    post(store, "1")
    plain.call("HDEL", schema.ledger(BOB), "posted")
    assert list(store.conservation.weigh([BOB])) == []
    post(store, "2")
    assert sheet(store) == Sheet(posted=2, stored=2)


def test_sheets_of_the_workers_add_up_while_they_are_fresh(store):
    store.conservation.report("attach:0", {"acme": Sheet(posted=2, stored=2), "beta": Sheet()}, NOW)
    store.conservation.report("attach:1", {"acme": Sheet(posted=3, acked=1, stored=1)}, NOW + 1000)
    assert store.conservation.sheets(NOW + 1000) == {"acme": Sheet(posted=5, acked=1, stored=3), "beta": Sheet()}
    assert store.conservation.sheets(NOW + 1000)["acme"].difference == 1
    assert store.conservation.sheets(NOW + LIFE) == {"acme": Sheet(posted=3, acked=1, stored=1)}
