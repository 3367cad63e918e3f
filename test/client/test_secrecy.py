"""Whose keys are whose, and with which own keys a client attaches."""

import pytest

from crs.client.secrecy import KEEP, Secrecy
from crs.errors import NotFound
from crs.names import Client
from crs.trust import months
from crs.trust.tokens import TokenRefused
from crs.wire.vocabulary import FoundObject
from test.client.fakes import FakeClient, directory
from test.trust.people import MONTH, NOW, Domain

ACME, STRANGE = Domain("acme"), Domain("strange")
ALICE, BOB = (ACME.credential(uri, MONTH, months.after(MONTH)) for uri in ("+46701234567", "+46707654321"))


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


def test_what_is_sealed_for_a_client_is_opened_by_it():
    alice = Secrecy(FakeClient(object_lookup=directory(BOB)), ALICE, Clock())
    body = alice.seal(alice.find(BOB.uri), "content", "m1", b"hello")
    opened = Secrecy(FakeClient(), BOB, Clock()).open(ALICE.client, "content", body)
    assert (opened.plaintext, opened.id, opened.time) == (b"hello", "m1", NOW)


def test_keys_are_looked_up_again_after_a_while():
    clock, client = Clock(), FakeClient(object_lookup=directory(BOB))
    alice = Secrecy(client, ALICE, clock)
    for passed, lookups in ((0, 1), (KEEP - 1, 1), (KEEP, 2)):
        clock.now = NOW + passed
        alice.find(BOB.uri)
        assert len(client.params("object.lookup")) == lookups


def test_a_client_without_a_token_has_no_keys():
    client = FakeClient(object_lookup=FoundObject(BOB.uri, "acme", None, None, None))
    with pytest.raises(NotFound, match="has never attached"):
        Secrecy(client, ALICE, Clock()).find(BOB.uri)


def test_a_token_of_another_domain_is_refused():
    forged = STRANGE.credential(BOB.uri)
    token = next(iter(forged.months.values()))
    client = FakeClient(object_lookup=FoundObject(BOB.uri, "acme", token.token, token.domain_token, NOW))
    with pytest.raises(TokenRefused):
        Secrecy(client, ALICE, Clock()).find(BOB.uri)


def test_a_client_attaches_with_the_keys_of_this_month_first():
    keys = Secrecy(FakeClient(), ALICE, Clock()).keys(NOW)
    assert [identity for identity, _ in keys] == [
        ALICE.months[month].identity for month in (MONTH, months.after(MONTH))
    ]


def test_the_sender_counts_not_only_its_number():
    alice = Secrecy(FakeClient(object_lookup=directory(BOB)), ALICE, Clock())
    body = alice.seal(alice.find(BOB.uri), "content", "m1", b"hello")
    with pytest.raises(Exception, match="not connected|refused|cannot be opened"):
        Secrecy(FakeClient(), BOB, Clock()).open(Client(ALICE.uri, "strange"), "content", body)
