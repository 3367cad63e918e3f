"""Calls: one record, changed by whoever believes the right thing; deadlines until the end."""

import gevent
import pytest

from crs import slots
from crs.errors import Conflict, NoSuchSession
from crs.store import schema
from crs.store.calls import LIVE, CallConflict
from test.store.conftest import ALICE, BOB, NOW

SESSION = "crs1.abc"
KEEP = 60_000
RING = NOW + 60_000
BUCKETS = range(64)
FIELDS = {
    "caller": str(ALICE),
    "caller_device": "phone",
    "callee": str(BOB),
    "state": "invite",
    "offer": "sealed\nå",
    "streams": "[]",
    "host": "crs1",
}


@pytest.fixture
def calls(store):
    return store.calls


@pytest.fixture
def call(calls):
    is_new, call = calls.create(SESSION, FIELDS, NOW, RING, KEEP)
    assert is_new
    calls.join(SESSION, ALICE, BOB)
    return call


def hang_up(calls, **more):
    return calls.transition(
        SESSION,
        LIVE,
        {"state": "hangup", "reason": "busy", "who": "callee", "ended": NOW + 9},
        None,
        NOW + 9,
        None,
        more.get("keep", KEEP),
    )


def test_a_call_is_what_it_was_made_of(calls, call):
    assert (call.id, call.seq, call.created, call.caller, call.callee, call.state, call.offer, call.answered) == (
        SESSION,
        1,
        NOW,
        str(ALICE),
        str(BOB),
        "invite",
        "sealed\nå",
        0,
    )
    assert calls.get(SESSION) == call
    assert calls.get("crs1.other") is None


def test_a_second_try_finds_the_first(calls, call):
    is_new, again = calls.create(SESSION, FIELDS | {"offer": "other"}, NOW + 1, RING + 1, KEEP)
    assert (is_new, again) == (False, call)


def test_a_step_counts_and_keeps_the_rest(calls, call):
    rung = calls.transition(SESSION, {"invite", "ringing"}, {"state": "ringing"}, None, NOW, None)
    assert (rung.state, rung.seq, rung.offer) == ("ringing", 2, call.offer)
    assert calls.transition(SESSION, {"ringing"}, {}, {"seq": 2}, NOW, None).seq == 3


@pytest.mark.parametrize(
    ("allowed", "guard"),
    [
        ({"talk"}, None),
        ({"invite"}, {"callee_device": "tablet"}),
        ({"invite"}, {"seq": 2}),
        ({"invite"}, {"callee_device": "", "caller_device": "tablet"}),
    ],
)
def test_a_step_on_a_wrong_belief_changes_nothing(calls, call, allowed, guard):
    with pytest.raises(Conflict) as caught:
        calls.transition(SESSION, allowed, {"state": "hangup"}, guard, NOW, None)
    assert caught.value.call == call == calls.get(SESSION)
    assert caught.value.data() == {"error": "conflict", "state": "invite"}


def test_of_many_devices_that_accept_one_gets_the_call(calls, call):
    def accept(device):
        try:
            return calls.transition(
                SESSION, LIVE, {"state": "talk", "callee_device": device}, {"callee_device": ""}, NOW, RING
            )
        except CallConflict:
            return None

    accepting = [gevent.spawn(accept, f"device{number}") for number in range(20)]
    gevent.joinall(accepting, timeout=10)
    taken = [greenlet.value for greenlet in accepting if greenlet.value is not None]
    assert len(taken) == 1
    assert calls.get(SESSION) == taken[0]


def test_no_step_brings_a_call_to_life(calls, plain):
    with pytest.raises(NoSuchSession):
        calls.transition("crs1.gone", LIVE, {"state": "talk"}, None, NOW, None)
    calls.postpone("crs1.gone", RING, "")
    assert calls.get("crs1.gone") is None


def test_an_ended_call_is_kept_for_a_while(store, calls, call):
    ended = hang_up(calls)
    assert ended.shown_state == "hangup(busy, callee)"
    assert 0 < store.high.call("PTTL", schema.call(SESSION)) <= KEEP
    assert [held.id for held in calls.all()] == [SESSION]
    assert list(calls.live(BUCKETS)) == []


def test_a_call_that_never_began_is_kept_too_and_has_no_deadline(store, calls):
    _, call = calls.create(SESSION, FIELDS | {"state": "responder not connected"}, NOW, RING, KEEP)
    assert call.shown_state == "responder not connected"
    assert 0 < store.high.call("PTTL", schema.call(SESSION)) <= KEEP
    assert calls.due(BUCKETS, RING, 10) == []


def test_calls_of_a_client_are_its_live_ones(store, calls, call):
    assert calls.calls_of(ALICE) == calls.calls_of(BOB) == [SESSION]
    hang_up(calls)
    assert calls.calls_of(ALICE) == []
    assert store.high.call("SCARD", schema.calls_of(ALICE)) == 0
    calls.leave(SESSION, ALICE, BOB)
    assert calls.calls_of(BOB) == []


def test_a_deadline_comes_until_it_is_moved_or_dropped(calls, call):
    assert calls.due(BUCKETS, RING - 1, 10) == []
    assert calls.due(BUCKETS, RING, 10) == calls.due(BUCKETS, RING, 10) == [SESSION]
    own = slots.bucket(slots.slot(SESSION))
    assert calls.due([number for number in BUCKETS if number != own], RING, 10) == []
    calls.postpone(SESSION, RING + 5, "77")
    assert (calls.get(SESSION).alone, calls.get(SESSION).seq) == ("77", 1)
    assert calls.due(BUCKETS, RING, 10) == []
    calls.transition(SESSION, LIVE, {"state": "talk"}, None, NOW, RING + 9)
    assert (calls.due(BUCKETS, RING + 8, 10), calls.due(BUCKETS, RING + 9, 10)) == ([], [SESSION])
    calls.forget_due(SESSION)
    assert calls.due(BUCKETS, RING + 9, 10) == []


def test_all_and_live_see_every_call(calls):
    for number in range(250):
        calls.create(f"crs1.{number}", FIELDS, NOW, RING, KEEP)
    names = {f"crs1.{number}" for number in range(250)}
    assert {call.id for call in calls.all()} == {call.id for call in calls.live(BUCKETS)} == names
    assert sum(len(list(calls.live([bucket]))) for bucket in BUCKETS) == 250
