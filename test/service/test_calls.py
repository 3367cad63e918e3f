"""Calls: who may do a step, who is told of the end, and what the others see."""

import mock
import pytest

from crs.errors import Conflict, NoSuchSession
from crs.names import Client
from crs.service.calls import CallControl
from crs.service.connection import Connection
from crs.service.delivery import Delivery
from crs.service.events import Events
from crs.service.relays import Relays
from crs.store.calls import Call, CallConflict, CallTable

ALICE, BOB, CAROL = Client("+46701234567", "acme"), Client("+46707654321", "beta"), Client("+46700000003", "acme")
TALK = Call("crs1.x", str(ALICE), str(BOB), "talk", 3, 1, caller_device="a1", callee_device="b1")
RINGS = Call("crs1.x", str(ALICE), str(BOB), "invite", 1, 1, caller_device="a1")
ENDED = Call("crs1.x", str(ALICE), str(BOB), "hangup", 4, 1, "a1", "b1", reason="normal", who="caller")


@pytest.fixture
def calls():
    relays = mock.create_autospec(Relays, instance=True, candidates=[])
    records, delivery, events = (mock.create_autospec(part, instance=True) for part in (CallTable, Delivery, Events))
    return CallControl(records, "crs1", 60_000, relays, delivery, events)


def device(client: Client, id: str) -> Connection:
    connection = Connection("0.1", "192.0.2.1", 1)
    connection.client, connection.kind, connection.device_id = client, "client", id
    return connection


def told(calls: CallControl) -> list[tuple]:
    """Who was told, which of their devices, and which not."""
    return [(call.args[0], *call.args[3:]) for call in calls._delivery.wake.call_args_list]


def test_the_name_is_the_same_for_a_retry_and_names_the_host(calls):
    assert calls.name(ALICE, "1") == calls.name(ALICE, "1")
    assert calls.name(ALICE, "1").startswith("crs1.")
    assert len({calls.name(ALICE, "1"), calls.name(ALICE, "2"), calls.name(BOB, "1")}) == 3


def test_a_call_of_others_is_like_no_call(calls):
    calls.records.get.return_value = TALK
    with pytest.raises(NoSuchSession):
        calls.as_party(device(CAROL, "c1"), "crs1.x")
    with pytest.raises(NoSuchSession):
        calls.as_callee(device(ALICE, "a1"), "crs1.x")
    calls.records.get.return_value = None
    with pytest.raises(NoSuchSession):
        calls.as_party(device(ALICE, "a1"), "crs1.x")


def test_only_the_device_that_talks_may_change_the_call(calls):
    calls.records.get.return_value = TALK
    assert calls.as_device(device(BOB, "b1"), "crs1.x") == (TALK, "callee")
    with pytest.raises(Conflict, match="another device"):
        calls.as_device(device(BOB, "b2"), "crs1.x")
    calls.records.get.return_value = RINGS
    with pytest.raises(Conflict, match="in state invite"):
        calls.as_device(device(ALICE, "a1"), "crs1.x")


def test_the_end_is_told_to_all_but_who_ended_it(calls):
    calls.records.transition.return_value = ENDED
    assert calls.end(TALK, "normal", "caller", 9, "a1") == ENDED
    assert told(calls) == [(ALICE, ["a1"], "a1"), (BOB, ["b1"], "")]
    calls.records.leave.assert_called_once_with("crs1.x", ALICE, BOB)
    calls._relays.release.assert_called_once()


def test_all_devices_of_a_callee_that_rings_are_told(calls):
    calls.records.transition.return_value = Call("crs1.x", str(ALICE), str(BOB), "hangup", 2, 1, "a1")
    calls.end(RINGS, "timeout", "crs", 9)
    assert told(calls) == [(ALICE, ["a1"], ""), (BOB, None, "")]


def test_a_call_that_was_answered_in_this_moment_goes_on(calls):
    calls.records.transition.side_effect = CallConflict(TALK)
    assert calls.end(RINGS, "timeout", "crs", 9, allowed={"invite"}) == TALK
    assert told(calls) == []
    calls._relays.release.assert_not_called()


def test_a_call_that_has_ended_is_told_again(calls):
    assert calls.end(ENDED, "normal", "caller", 9, "a1") == ENDED
    calls.records.transition.assert_not_called()
    assert told(calls) == [(ALICE, ["a1"], "a1"), (BOB, ["b1"], "")]


def test_a_device_sees_the_calls_that_concern_it(calls):
    calls.records.calls_of.return_value = ["crs1.x"]
    calls.records.get.return_value = TALK
    assert [state.session for state in calls.states_of(device(BOB, "b1"))] == ["crs1.x"]
    assert calls.states_of(device(BOB, "b2")) == []
    calls.records.get.return_value = RINGS
    (state,) = calls.states_of(device(BOB, "b2"))
    assert (state.role, state.uri, state.state) == ("callee", ALICE.uri, "invite")
