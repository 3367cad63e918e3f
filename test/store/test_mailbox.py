"""Mailboxes, one rule a test; test_mailbox_model tries all of them in any order."""

import pytest

from crs.errors import Conflict, QuotaExceeded
from crs.store import schema
from crs.store.items import Draft, Quota, bucket, ref
from crs.store.mailbox import FETCH_BYTES
from test.store.conftest import ALICE, BOB, DAY, NOW, acknowledge, depth

BUCKETS = range(64)


def post(
    store,
    id="m1",
    body="sealed",
    now=NOW,
    life=DAY,
    to=BOB,
    sender=ALICE,
    kind="content",
    count=10,
    size=10_000,
    acknowledgement=None,
):
    return store.mailbox.post(Draft(to, sender, id, kind, now + life, body), now, Quota(count, size), acknowledgement)


def ids(store, device="primary", after=0, limit=100, client=BOB):
    return [item.id for item in store.mailbox.fetch(client, device, after, limit, NOW)[0]]


def test_an_item_comes_out_as_it_went_in(store):
    assert post(store, body="räksmörgås\nline")[:3] == (True, NOW, 1)
    (item,), more, _ = store.mailbox.fetch(BOB, "primary", 0, 50, NOW)
    assert (item.ref, item.kind, item.sender, item.id, item.time, item.expires, item.body, item.first, more) == (
        "message:+46701111111@acme:m1",
        "content",
        ALICE,
        "m1",
        NOW,
        NOW + DAY,
        "räksmörgås\nline",
        True,
        False,
    )


def test_order_is_that_of_posting_even_when_the_clock_steps_back(store):
    for number, now in enumerate((NOW, NOW, NOW - 5000, NOW + 1)):
        post(store, f"m{number}", now=now)
    items = store.mailbox.fetch(BOB, "primary", 0, 50, NOW)[0]
    assert [item.id for item in items] == ["m0", "m1", "m2", "m3"]
    assert [item.seq for item in items] == sorted({item.seq for item in items})


def test_fetch_goes_on_after_a_seq_and_says_whether_there_is_more(store):
    for number in range(3):
        post(store, f"m{number}")
    items, more, _ = store.mailbox.fetch(BOB, "primary", 0, 2, NOW)
    assert ([item.id for item in items], more) == (["m0", "m1"], True)
    rest, more, _ = store.mailbox.fetch(BOB, "primary", items[-1].seq, 2, NOW)
    assert ([item.id for item in rest], more) == (["m2"], False)


def test_a_fetch_is_bounded_in_bytes_but_never_empty(store):
    for number in range(3):
        post(store, f"m{number}", body="x" * (FETCH_BYTES // 2), size=10 * FETCH_BYTES)
    items, more, _ = store.mailbox.fetch(BOB, "primary", 0, 50, NOW)
    assert (len(items), more) == (1, True)
    post(store, "long", body="x" * (FETCH_BYTES + 1), size=10 * FETCH_BYTES, to=ALICE)
    assert ids(store, client=ALICE) == ["long"]


def test_first_means_that_no_device_saw_it(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store)
    assert [item.first for item in store.mailbox.fetch(BOB, "tablet", 0, 50, NOW)[0]] == [True]
    assert [item.first for item in store.mailbox.fetch(BOB, "primary", 0, 50, NOW)[0]] == [False]


def test_what_was_fetched_is_not_shown_first_again(store):
    first, second = post(store), post(store, "m2")
    assert [item.first for item in store.mailbox.fetch(BOB, "primary", 0, 1, NOW).items] == [True]
    assert store.mailbox.shown([(BOB, first.seq), (BOB, second.seq)]) == [False, True]


def test_what_was_shown_is_not_first_in_a_fetch(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    first, second = post(store), post(store, "m2")
    assert store.mailbox.shown([(BOB, first.seq)]) == [True]
    assert [item.first for item in store.mailbox.fetch(BOB, "primary", 0, 50, NOW).items] == [False, True]
    assert [item.first for item in store.mailbox.fetch(BOB, "tablet", 0, 50, NOW).items] == [False, False]
    assert store.mailbox.shown([(BOB, second.seq)]) == [False]


def test_of_several_devices_the_first_that_is_shown_an_item_counts(store):
    mine, other = post(store), post(store, to=ALICE, sender=BOB)
    given = [(BOB, mine.seq), (ALICE, other.seq), (BOB, mine.seq)]
    assert store.mailbox.shown(given) == [True, True, False]
    assert store.mailbox.shown(given) == [False, False, False]
    assert store.mailbox.shown([]) == []


def test_shown_brings_no_mailbox_back_that_is_gone(store, plain):
    seq = post(store).seq
    store.erase("acme")
    assert store.mailbox.shown([(BOB, seq)]) == [False]
    assert plain.call("EXISTS", schema.ledger(BOB)) == 0


def test_a_retry_is_answered_not_stored(store):
    first = post(store, now=NOW)
    again = post(store, now=NOW + 7, life=7 * DAY)
    assert (first.new, again[:3]) == (True, (False, NOW, 1))
    assert ids(store) == ["m1"]


@pytest.mark.parametrize("other", [{"body": "other"}, {"kind": "system"}, {"body": "other", "kind": "system"}])
def test_an_id_that_is_used_for_something_else_is_told(store, other):
    post(store)
    with pytest.raises(Conflict, match="m1 was used"):
        post(store, now=NOW + 7, **other)
    assert acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")])[0] == 1
    with pytest.raises(Conflict):
        post(store, now=NOW + 8, **other)


def test_a_retry_after_the_acknowledgement_brings_nothing_back(store):
    post(store)
    assert acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")])[0] == 1
    assert post(store, now=NOW + DAY - 1)[:3] == (False, NOW, 0)
    assert ids(store) == []


def test_the_same_id_of_two_senders_is_two_messages(store):
    post(store)
    assert post(store, sender=ALICE._replace(account="other")).new
    assert len(ids(store)) == 2


def test_each_device_has_its_copy_and_the_last_one_deletes(store, plain):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store)
    name = ref("content", ALICE, "m1")
    assert acknowledge(store, BOB, "primary", [name, "unknown", name])[0] == 1
    assert (ids(store), ids(store, "tablet")) == ([], ["m1"])
    assert acknowledge(store, BOB, "tablet", [name])[0] == 1
    assert plain.call("EXISTS", schema.mail(BOB)) == 0
    assert depth(store, BOB) == (0, 0)


def test_the_sender_is_told_once_whatever_devices_acknowledge(store):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store)
    name = ref("content", ALICE, "m1")
    _, (told,) = acknowledge(store, BOB, "tablet", [name, name])
    assert (told.draft.receiver, told.draft.id, told.draft.ref) == (ALICE, "m1", ref("ack", BOB, "m1"))
    assert acknowledge(store, BOB, "primary", [name]) == (1, [])
    (report,) = store.mailbox.fetch(ALICE, "primary", 0, 50, NOW).items
    assert (report.ref, report.kind, report.sender, report.id, report.body) == (told.draft.ref, "ack", BOB, "m1", "")
    assert acknowledge(store, ALICE, "primary", [told.draft.ref]) == (1, [])
    assert ids(store, client=ALICE) == []


def test_an_acknowledgement_goes_with_a_post_also_with_one_that_is_refused(store):
    post(store, "m1")
    post(store, "m2")
    answer = store.mailbox.acknowledgement(BOB, "primary", [ref("content", ALICE, "m1")], NOW, NOW + DAY)
    assert post(store, "r1", to=ALICE, sender=BOB, acknowledgement=answer).new
    assert (answer.dropped, [told.draft.id for told in answer.told], ids(store)) == (1, ["m1"], ["m2"])
    refused = store.mailbox.acknowledgement(BOB, "primary", [ref("content", ALICE, "m2")], NOW, NOW + DAY)
    with pytest.raises(Conflict):
        post(store, "r1", to=ALICE, sender=BOB, body="other", acknowledgement=refused)
    assert (refused.dropped, [told.draft.id for told in refused.told], ids(store)) == (1, ["m2"], [])


@pytest.mark.parametrize(
    "name",
    [
        "message:+46701111111@acme:m2",
        "message:",
        "message:@",
        "message:x@y",
        "message:a@b:",
        "report:+46701111111@acme:m1",
        "m1",
        "message:{}@acme:m1",
    ],
)
def test_who_acknowledges_what_it_does_not_hold_reports_nothing(store, plain, name):
    post(store)
    keys = sorted(plain.call("KEYS", "*"))
    assert acknowledge(store, BOB, "primary", [name]) == (0, [])
    assert sorted(plain.call("KEYS", "*")) == keys
    assert ids(store) == ["m1"]


@pytest.mark.parametrize("limits", [{"count": 1}, {"size": 150}])
def test_a_full_mailbox_refuses_messages_but_takes_reports(store, limits):
    post(store, body="x" * 50, **limits)
    with pytest.raises(QuotaExceeded):
        post(store, "m2", body="x" * 50, **limits)
    assert post(store, "m3", kind="ack", **limits).new
    assert ids(store) == ["m1", "m3"]
    acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")])
    assert post(store, "m2", body="x" * 50, **limits).new


def test_of_ack_and_expired_only_the_first_is_told(store):
    assert post(store, kind="ack").new
    assert not post(store, kind="expired").new


def test_expiry_tells_first_then_deletes_with_the_tomb(store, plain):
    store.devices.seen(BOB, "tablet", "secondary", NOW)
    post(store, life=60_000)
    post(store, "m2", life=DAY)
    later = NOW + 60_000
    assert store.mailbox.expired(BOB, later - 1, 100) == []
    found = store.mailbox.expired(BOB, later, 100)
    assert [(item.id, item.sender, item.kind) for item in found] == [("m1", ALICE, "content")]
    assert store.mailbox.expired(BOB, later, 100) == found
    assert store.mailbox.expire(BOB, [item.ref for item in found], later) == 1
    assert store.mailbox.expired(BOB, later, 100) == []
    assert (ids(store), ids(store, "tablet")) == (["m2"], ["m2"])
    assert plain.call("ZCARD", schema.tombs(BOB)) == 1


def test_what_is_not_overdue_cannot_be_expired(store):
    post(store)
    assert store.mailbox.expire(BOB, [ref("content", ALICE, "m1")], NOW + DAY - 1) == 0
    assert ids(store) == ["m1"]


def test_tombs_go_when_their_time_is_over(store, plain):
    post(store, life=60_000)
    acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")])
    assert store.mailbox.expired(BOB, NOW + 60_000, 100) == []
    assert plain.call("EXISTS", schema.tombs(BOB)) == 0


def test_due_names_a_client_until_nothing_overdue_is_left(store):
    life = 60_000
    for number in range(3):
        post(store, f"m{number}", life=life)
    assert list(store.mailbox.due(BUCKETS, NOW, 10)) == []
    later = NOW + life + life // 16
    for _ in store.mailbox.due(BUCKETS, later, 10):
        break  # a worker that dies at work
    rounds = 0
    while clients := list(_expire_one(store, later + rounds)):
        rounds += 1
        assert clients == [BOB]
    assert rounds == 3
    assert ids(store) == []


def _expire_one(store, now):
    for client in store.mailbox.due(BUCKETS, now, 10):
        store.mailbox.expire(client, [item.ref for item in store.mailbox.expired(client, now, 1)], now)
        yield client


def test_due_comes_only_to_the_owner_of_the_slot(store):
    post(store, life=60_000)
    others = [number for number in BUCKETS if number != bucket(BOB)]
    assert list(store.mailbox.due(others, NOW + DAY, 10)) == []
    assert list(store.mailbox.due([bucket(BOB)], NOW + DAY, 10)) == [BOB]


def test_counts(store):
    post(store)
    store.mailbox.posted(ALICE)
    store.mailbox.posted(ALICE)
    post(store, to=ALICE, sender=BOB, kind="ack", body="")
    post(store, to=ALICE, sender=BOB, kind="ack", body="")
    store.mailbox.fetch(BOB, "primary", 0, 50, NOW)
    store.mailbox.fetch(BOB, "primary", 0, 50, NOW + 999)
    assert dict(store.mailbox.messages()) == {ALICE: (2, 1, 0), BOB: (0, 0, NOW)}
    store.mailbox.fetch(BOB, "primary", 0, 50, NOW + 1000)
    assert dict(store.mailbox.messages())[BOB].read == NOW + 1000
    assert store.mailbox.waiting(BOB, "primary") == 1
    acknowledge(store, BOB, "primary", ["unknown"], NOW + 5000)
    assert dict(store.mailbox.messages())[BOB].read == NOW + 1000
    acknowledge(store, BOB, "primary", [ref("content", ALICE, "m1")], NOW + 5000)
    assert dict(store.mailbox.messages())[BOB].read == NOW + 5000


def test_a_urn_is_a_client_too(store):
    robot = ALICE._replace(uri="urn:x-crs:client:robot.1")
    post(store, to=robot, sender=robot, life=60_000)
    (item,), *_ = store.mailbox.fetch(robot, "primary", 0, 50, NOW)
    assert item.sender == robot
    assert list(store.mailbox.due(BUCKETS, NOW + DAY, 10)) == [robot]
