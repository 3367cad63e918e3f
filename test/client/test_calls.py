"""Calls: what the two parties do and hear, whatever is lost or comes early, late or twice."""

import sys

import gevent
import pytest

from crs.client import offer as offers
from crs.client.calls import OFFER_LIFETIME, ClientCalls
from crs.client.secrecy import Secrecy
from crs.errors import Conflict, NoSuchSession, NotConnected, OperatorFault, Unavailable
from crs.wire.vocabulary import (
    Candidate,
    Invited,
    Leg,
    Relayed,
    Sequenced,
    SessionAccepted,
    SessionChanged,
    SessionEnded,
    SessionIncoming,
    SessionRelay,
    SessionRinging,
    SessionState,
)
from test.client.fakes import FakeClient, directory, registered
from test.client.patience import wait_until
from test.trust.people import NOW, Domain

ACME = Domain("acme")
ALICE, BOB, EVE = [ACME.credential(uri) for uri in ("+46701234567", "+46707654321", "+46700000000")]
S = "crs1.session"
LEG = Leg(0, "rtp", "fragment", "password", [Candidate("127.0.0.1", 9)])
OTHER_LEG = Leg(0, "rtp", "otherFragment", "password", [Candidate("127.0.0.1", 9)])


class Party:
    """One end: its calls over a fake connection, and a clock that the test sets."""

    def __init__(self, credential):
        self.now = NOW
        self.client = FakeClient(
            object_lookup=directory(ALICE, BOB, EVE),
            session_invite=Invited(S, "invite", 1, [LEG]),
            session_ringing=Sequenced(S, "ringing", 2),
            session_accept=Sequenced(S, "talk", 3),
            session_hangup=Sequenced(S, "hangup", 4),
        )
        self.calls = ClientCalls(self.client, Secrecy(self.client, credential, lambda: self.now), lambda: self.now)

    def hear(self, **told):
        for method, params in told.items():
            self.client.tell(method.replace("_", "."), params)


@pytest.fixture
def alice():
    return Party(ALICE)


@pytest.fixture
def bob():
    return Party(BOB)


def incoming(offer: str, session=S, seq=1, caller=ALICE) -> SessionIncoming:
    return SessionIncoming(session, seq, caller.uri, caller.account, offer, [], [LEG], NOW)


def state(name: str, seq: int, role="caller", peer=BOB, offer="", answer="", session=S, legs=(LEG,)) -> SessionState:
    return SessionState(session, role, peer.uri, peer.account, name, seq, NOW, [], list(legs), offer, answer)


def offer_of(alice: Party) -> str:
    return alice.client.params("session.invite")[-1].body


def ring(alice: Party, bob: Party):
    """Alice calls, it rings at Bob; both calls."""
    outgoing = alice.calls.invite(BOB.uri)
    bob.hear(session_incoming=incoming(offer_of(alice)))
    return outgoing, bob.calls.next_incoming(1)


def test_a_call_is_offered_rings_is_answered_and_has_the_same_keys_at_both_ends(alice, bob):
    outgoing, call = ring(alice, bob)
    assert (outgoing.state, call.peer, call.role) == ("invite", ALICE.client, "callee")
    assert bob.client.params("session.ringing")[0].session == S
    alice.hear(session_ringing=SessionRinging(S, 2))
    assert outgoing.wait("ringing", 0)
    call.accept()
    accept = bob.client.params("session.accept")[0]
    alice.hear(session_accepted=SessionAccepted(S, 3, accept.body))
    assert outgoing.wait("talk", 0) and call.wait("talk", 0)
    send, receive = outgoing._open_answer()
    assert [receive, send] == call._keys


def test_the_keys_travel_sealed(alice, bob):
    outgoing, call = ring(alice, bob)
    call.accept()
    key = outgoing._offer.streams[0].srtp["AEAD_AES_128_GCM"]
    assert key not in offer_of(alice) and "srtp" not in offer_of(alice)
    assert "suite" not in bob.client.params("session.accept")[0].body


def test_what_is_told_before_the_invite_is_answered_is_not_lost(alice):
    def answered_late(params):
        alice.hear(session_ringing=SessionRinging(S, 2))
        alice.hear(session_ringing=SessionRinging("another session", 2))
        return Invited(S, "invite", 1, [LEG])

    alice.client.answers["session.invite"] = answered_late
    assert alice.calls.invite(BOB.uri).state == "ringing"


def test_a_reconnect_during_the_invite_does_not_hang_up(alice):
    def retried(params):
        alice.hear(registered=registered(sessions=[state("talk", 3, answer="sealed")]))
        return Invited(S, "talk", 3, [LEG])

    alice.client.answers["session.invite"] = retried
    call = alice.calls.invite(BOB.uri)
    assert (call.state, call.body) == ("talk", "sealed")
    assert "session.hangup" not in alice.client.methods()


def test_a_callee_that_is_not_connected_is_told(alice):
    alice.client.answers["session.invite"] = NotConnected("not connected")
    with pytest.raises(NotConnected):
        alice.calls.invite(BOB.uri)
    assert alice.calls.live() == []


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


def test_a_call_that_is_told_twice_rings_once(alice, bob):
    _, call = ring(alice, bob)
    bob.hear(session_incoming=incoming(offer_of(alice), seq=2))
    bob.hear(registered=registered(sessions=[state("ringing", 2, "callee", ALICE, offer_of(alice))]))
    assert bob.calls.next_incoming(0.01) is None
    assert bob.calls.live() == [call]
    bob.hear(session_ended=SessionEnded(S, 4, "cancelled", "caller"))
    bob.hear(session_incoming=incoming(offer_of(alice)))
    assert bob.calls.next_incoming(0.01) is None and bob.calls.live() == []


def test_a_call_that_rang_while_we_were_away_rings_now(alice, bob):
    alice.calls.invite(BOB.uri)
    bob.hear(registered=registered(sessions=[state("invite", 1, "callee", ALICE, offer_of(alice))]))
    assert bob.calls.next_incoming(1).peer == ALICE.client


def test_a_call_that_ended_before_it_was_looked_at_does_not_ring(alice, bob):
    alice.calls.invite(BOB.uri)
    bob.hear(session_incoming=incoming(offer_of(alice)))
    bob.hear(session_ended=SessionEnded(S, 2, "cancelled", "caller"))
    assert bob.calls.next_incoming(0.01) is None
    assert "session.ringing" not in bob.client.methods()


def test_a_call_that_the_server_no_longer_has_is_over(alice):
    call = alice.calls.invite(BOB.uri)
    alice.hear(registered=registered())
    assert (call.is_over, call.reason, call.who) == (True, "ended-while-away", "crs")


def test_a_call_goes_on_over_a_reconnect(alice):
    call = alice.calls.invite(BOB.uri)
    alice.hear(registered=registered(sessions=[state("talk", 3, answer="sealed", legs=[OTHER_LEG])]))
    assert (call.state, call.body, call.legs) == ("talk", "sealed", [OTHER_LEG])


def test_a_call_that_a_former_process_left_is_hung_up(alice):
    alice.hear(registered=registered(sessions=[state("talk", 3)]))
    gevent.sleep(0.01)
    assert [params.session for params in alice.client.params("session.hangup")] == [S]


def test_a_hang_up_that_could_not_be_told_is_told_at_the_next_attach(alice):
    call = alice.calls.invite(BOB.uri)
    alice.client.answers["session.hangup"] = Unavailable("no answer")
    call.hang_up("cancelled")
    assert (call.is_over, call.reason, call.who) == (True, "cancelled", "caller")
    alice.client.answers["session.hangup"] = Sequenced(S, "hangup", 4)
    alice.hear(registered=registered(sessions=[state("invite", 1)]))
    gevent.sleep(0.01)
    assert len(alice.client.params("session.hangup")) == 2 and call.is_over


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


def test_an_answer_to_an_invite_that_was_given_up_is_hung_up(alice):
    alice.client.answers["session.invite"] = Unavailable("no answer")
    with pytest.raises(Unavailable):
        alice.calls.invite(BOB.uri)
    alice.hear(session_accepted=SessionAccepted(S, 3, "sealed"))
    gevent.sleep(0.01)
    assert [params.session for params in alice.client.params("session.hangup")] == [S]


# --- who may ring ---


def refused(party: Party) -> bool:
    return (
        party.calls.next_incoming(0.01) is None
        and [one.session for one in party.client.params("session.hangup")] == [S]
        and "session.ringing" not in party.client.methods()
    )


def test_an_offer_by_another_than_the_caller_is_refused(alice, bob):
    alice.calls.invite(BOB.uri)
    bob.hear(session_incoming=incoming(offer_of(alice), caller=EVE))
    assert refused(bob)


def test_an_offer_for_another_is_refused(alice, bob):
    alice.calls.invite(EVE.uri)
    bob.hear(session_incoming=incoming(offer_of(alice)))
    assert refused(bob)


@pytest.mark.parametrize("body", ["", "rubbish"])
def test_a_call_without_a_sealed_offer_is_refused(bob, body):
    bob.hear(session_incoming=incoming(body))
    assert refused(bob)


def test_an_offer_that_was_taken_before_is_refused(alice, bob):
    ring(alice, bob)
    bob.client.asked.clear()
    bob.hear(session_incoming=incoming(offer_of(alice), session="crs1.replay"))
    assert bob.calls.next_incoming(0.01) is None
    assert bob.client.params("session.hangup")[0].session == "crs1.replay"


@pytest.mark.parametrize("passed", [-OFFER_LIFETIME - 1, OFFER_LIFETIME + 1])
def test_an_offer_of_another_time_is_refused(alice, bob, passed):
    alice.calls.invite(BOB.uri)
    bob.now += passed
    bob.hear(session_incoming=incoming(offer_of(alice)))
    assert refused(bob)


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


class SilentMedia:
    """A stream that no relay answers."""

    def __init__(self, leg, send, receive, speech, record):
        self.legs = [leg]
        self.stopped = False

    def start(self):
        return self

    def rebind(self, leg):
        self.legs.append(leg)

    def unbound_for(self):
        return float("inf")

    def stop(self):
        self.stopped = True


@pytest.fixture
def talk(alice, bob, monkeypatch):
    """Bob's end of a call in talk, with media that gets no answer, looked at often."""
    monkeypatch.setattr("crs.client.media.Media", SilentMedia)
    monkeypatch.setattr("crs.client.call.WATCH_PAUSE", 0.01)
    monkeypatch.setattr("crs.client.call.RELAY_PATIENCE", {"callee": 0.02})
    bob.client.answers["session.relay"] = Relayed(S, 8, [OTHER_LEG])
    _, call = ring(alice, bob)
    call.accept()
    yield call
    call.hang_up()


def test_where_no_relay_answers_new_legs_are_asked_for_and_taken(talk, bob):
    media = talk.start_media()
    wait_until(lambda: OTHER_LEG in media.legs)
    assert bob.client.params("session.relay")[0].session == S and media.legs[0] == LEG


def test_a_relay_that_cannot_be_had_is_asked_for_again(talk, bob):
    bob.client.answers["session.relay"] = [Unavailable("the relay is down"), Relayed(S, 8, [OTHER_LEG])]
    media = talk.start_media()
    wait_until(lambda: OTHER_LEG in media.legs)


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
    wait_until(lambda: media.stopped)
