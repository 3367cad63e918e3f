"""The calls of a client, whatever is lost or arrives early, late or twice."""

import gevent
import pytest

from crs.client.calls import OFFER_LIFETIME
from crs.errors import NotConnected, Unavailable
from crs.wire.vocabulary import (
    Invited,
    Sequenced,
    SessionAccepted,
    SessionEnded,
    SessionRinging,
)
from test.client.fakes import registered
from test.client.parties import ALICE, BOB, EVE, LEG, OTHER_LEG, Party, S, incoming, offer_of, ring, state


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
        and [params.session for params in party.client.params("session.hangup")] == [S]
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
