"""One call: its keys, its states, changes of its media, and its end."""

import sys

import gevent
import mock
import pytest

from crs.client import offer as offers
from crs.errors import Conflict, NoSuchSession, OperatorFault, Unavailable
from crs.wire.vocabulary import (
    Relayed,
    SessionAccepted,
    SessionChanged,
    SessionEnded,
    SessionRelay,
    SessionRinging,
)
from test.client.parties import BOB, LEG, OTHER_LEG, S, incoming, offer_of, ring
from test.client.patience import wait_until


def test_the_keys_travel_sealed(alice, bob):
    outgoing, call = ring(alice, bob)
    call.accept()
    key = outgoing._offer.streams[0].srtp["AEAD_AES_128_GCM"]
    assert key not in offer_of(alice) and "srtp" not in offer_of(alice)
    assert "suite" not in bob.client.params("session.accept")[0].body


def test_notifications_out_of_order_or_twice_do_no_harm(alice):
    call = alice.calls.invite(BOB.uri)
    alice.hear(session_accepted=SessionAccepted(S, 3, "sealed"))
    alice.hear(session_ringing=SessionRinging(S, 2))
    alice.hear(session_accepted=SessionAccepted(S, 3, "sealed"))
    assert call.state == "talk"
    alice.hear(session_ended=SessionEnded(S, 4, "normal", "callee"))
    alice.hear(session_accepted=SessionAccepted(S, 5, "sealed"))
    alice.hear(session_ended=SessionEnded(S, 4, "error", "crs"))
    assert (call.state, call.reason, call.who) == ("hangup", "normal", "callee")


@pytest.mark.parametrize("error", [NoSuchSession(""), Conflict("")])
def test_hanging_up_what_is_over_already_is_harmless(alice, error):
    call = alice.calls.invite(BOB.uri)
    alice.client.answers["session.hangup"] = error
    call.hang_up()
    call.hang_up()
    assert call.is_over and len(alice.client.params("session.hangup")) == 1


def test_the_other_device_was_first(alice, bob):
    _, call = ring(alice, bob)
    bob.client.answers["session.accept"] = Conflict("another device")
    with pytest.raises(Conflict):
        call.accept()
    bob.hear(session_ended=SessionEnded(S, 3, "answered-elsewhere", "callee"))
    assert (call.is_over, call.reason) == (True, "answered-elsewhere")


def test_waiting_ends_with_the_time_or_the_call(alice):
    call = alice.calls.invite(BOB.uri)
    assert not call.wait("talk", 0.01)
    waiting = gevent.spawn(call.wait, "talk", 10)
    gevent.sleep(0)
    alice.hear(session_ended=SessionEnded(S, 2, "timeout", "crs"))
    assert waiting.get(timeout=5) and call.is_over


def test_an_answer_to_another_call_is_refused(alice, bob):
    outgoing, call = ring(alice, bob)
    call.accept()
    again = alice.calls.invite(BOB.uri)
    again.body = bob.client.params("session.accept")[0].body
    outgoing.body = again.body
    assert outgoing._open_answer()
    with pytest.raises(Exception, match="another purpose or id"):
        again._open_answer()


def test_an_offer_of_nothing_that_we_can_do_is_not_accepted(alice, bob, monkeypatch):
    monkeypatch.setattr(offers, "CODEC", "L24/48000")
    alice.calls.invite(BOB.uri)
    monkeypatch.undo()
    bob.hear(session_incoming=incoming(offer_of(alice)))
    call = bob.calls.next_incoming(1)
    with pytest.raises(offers.OfferRefused):
        call.accept()


# --- change of media ---


def test_a_change_is_asked_for_and_heard_of(alice):
    call = alice.calls.invite(BOB.uri)
    alice.client.answers["session.change"] = Relayed(S, 5, [OTHER_LEG])
    call.change("offer", "c1", "sealed")
    asked = alice.client.params("session.change")[0]
    assert (asked.session, asked.id, asked.kind, asked.body) == (S, "c1", "offer", "sealed")
    assert call.legs == [OTHER_LEG]
    told = SessionChanged(S, 6, "c1", "answer", "sealed", [], [LEG])
    alice.hear(session_changed=told)
    assert call.changes.get(timeout=1) is told and call.legs == [LEG]


def test_new_relay_legs_are_taken_over_unless_they_are_older(alice):
    call = alice.calls.invite(BOB.uri)
    alice.hear(session_relay=SessionRelay(S, 7, [OTHER_LEG]))
    alice.hear(session_relay=SessionRelay(S, 6, [LEG]))
    assert call.legs == [OTHER_LEG]


# --- the media of a call: whether there is any ---


@pytest.fixture
def silent():
    """Media that no relay answers: the class, and its one object."""
    with mock.patch("crs.client.media.Media", autospec=True) as kind:
        kind.return_value.start.return_value = kind.return_value
        kind.return_value.unbound_for.return_value = float("inf")
        yield kind


@pytest.fixture
def talk(alice, bob, silent, monkeypatch):
    """Bob's end of a call in talk, with media that gets no answer, looked at often."""
    monkeypatch.setattr("crs.client.call.WATCH_PAUSE", 0.01)
    monkeypatch.setattr("crs.client.call.RELAY_PATIENCE", {"callee": 0.02})
    bob.client.answers["session.relay"] = Relayed(S, 8, [OTHER_LEG])
    _, call = ring(alice, bob)
    call.accept()
    yield call
    call.hang_up()


def test_where_no_relay_answers_new_legs_are_asked_for_and_taken(talk, bob, silent):
    media = talk.start_media()
    wait_until(lambda: media.rebind.called)
    media.rebind.assert_called_with(OTHER_LEG)
    assert bob.client.params("session.relay")[0].session == S and silent.call_args.args[0] == LEG


def test_a_relay_that_cannot_be_had_is_asked_for_again(talk, bob):
    bob.client.answers["session.relay"] = [Unavailable("the relay is down"), Relayed(S, 8, [OTHER_LEG])]
    media = talk.start_media()
    wait_until(lambda: media.rebind.called)
    media.rebind.assert_called_with(OTHER_LEG)


def test_without_libsrtp_the_remedy_is_told(talk, monkeypatch):
    monkeypatch.setitem(sys.modules, "crs.client.media", None)
    with pytest.raises(OperatorFault, match="pip install pylibsrtp"):
        talk.start_media()


def test_media_that_this_client_has_not_is_rejected(talk, bob):
    bob.client.answers["session.change"] = Relayed(S, 9, [LEG])
    talk.start_media()
    bob.hear(session_changed=SessionChanged(S, 9, "c1", "offer", "video?", [], [LEG]))
    wait_until(lambda: bob.client.params("session.change"))
    assert [(params.kind, params.id) for params in bob.client.params("session.change")] == [("reject", "c1")]


def test_media_ends_with_the_call(talk, bob):
    media = talk.start_media()
    bob.hear(session_ended=SessionEnded(S, 9, "normal", "caller"))
    wait_until(lambda: media.stop.called)
