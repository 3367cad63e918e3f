"""The two ends of a call, each with its calls over a fake connection."""

from crs.client.calls import ClientCalls
from crs.client.secrecy import Secrecy
from crs.wire.vocabulary import (
    Candidate,
    Invited,
    Leg,
    Sequenced,
    SessionIncoming,
    SessionState,
)
from test.client.fakes import FakeClient, directory
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
