"""Sealed bodies: what is opened, and what is refused from a carrier, a stranger or a client of another account."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.names import Client
from crs.trust import credential, e2e, fields, jose, months
from crs.trust.e2e import SealRefused
from crs.wire import vocabulary
from test.trust.people import MONTH, NOW, Domain, token_of

ACME, BETA, GAMMA = Domain("acme"), Domain("beta"), Domain("gamma")
ALICE = ACME.credential("+46701234567", connected=(BETA,))
BOB = ACME.credential("+46701234568", connected=(BETA,))
CAROL = BETA.credential("+46701234567", connected=(ACME,))
DAVE = GAMMA.credential("+46701234569")


def seal(sender=ALICE, receiver=BOB, kind="content", id="m1", now=NOW, body=b"hello") -> str:
    return e2e.seal(body, sender, token_of(receiver), kind, id, now)


def opened(text, receiver=BOB, sender=ALICE.client, kind="content", id="m1", now=NOW, **more):
    return e2e.open_sealed(text, receiver, sender, kind, id, now, **more)


def forged(claims: dict, signer=ALICE, receiver=BOB, head=None) -> str:
    """A body with claims and a signed header of the attacker's choice, sealed properly."""
    keys = signer.months[MONTH]
    claims = {
        "from": str(signer.client),
        "to": str(receiver.client),
        "kind": "content",
        "id": "m1",
        "time": NOW,
        "body": "aGVsbG8",
        **claims,
    }
    head = {"typ": "crs-signed", "token": keys.token, **(head or {})}
    return sealed(jose.sign(head, json.dumps(claims).encode(), keys.sign).encode(), receiver)


def sealed(content: bytes, receiver=BOB, **head) -> str:
    return jose.encrypt_for({"typ": "crs-sealed", "kid": MONTH, **head}, content, receiver.months[MONTH].enc.public())


@given(st.binary(max_size=300))
def test_what_was_sealed_is_opened(body):
    content, claims = opened(seal(body=body))
    assert content == body
    assert (claims.sender, claims.to, claims.time) == (str(ALICE.client), str(BOB.client), NOW)


def test_connected_domains_reach_each_other():
    assert opened(seal(ALICE, CAROL), CAROL, ALICE.client)[0] == b"hello"
    assert opened(seal(CAROL, ALICE), ALICE, CAROL.client)[0] == b"hello"


def test_largest_content_fits_in_a_body():
    text = seal(id="i" * 64, body=bytes(e2e.MAX_PLAINTEXT))
    assert len(text) <= vocabulary.MAX_BODY
    with pytest.raises(SealRefused, match="too much"):
        seal(body=bytes(e2e.MAX_PLAINTEXT + 1))


def test_any_id_when_the_receiver_cannot_know_it():
    assert opened(seal(id="call-7"), id=None)[1].id == "call-7"


def test_content_does_not_show():
    assert fields.b64(b"hello" * 10) not in seal(body=b"hello" * 10)


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"receiver": ALICE}, "cannot be decrypted"),
        ({"receiver": CAROL}, "cannot be decrypted"),
        ({"sender": BOB.client}, "another client"),
        ({"sender": CAROL.client}, "signature"),
        ({"sender": DAVE.client}, "not connected"),
        ({"kind": "system"}, "purpose"),
        ({"id": "m2"}, "purpose or id"),
        ({"now": NOW + e2e.MAX_AGE + 1}, "keys"),
        ({"now": NOW - e2e.SKEW - 1}, "in the future"),
        ({"now": NOW + 1001, "max_age": 1000}, "too long ago"),
    ],
)
def test_asked_for_something_else(asked, words):
    with pytest.raises(SealRefused, match=words):
        opened(seal(), **asked)


def test_too_old_with_all_keys_at_hand():
    receiver = ACME.credential(BOB.uri, MONTH, "202612", "202701", "202702")
    text = seal(receiver=receiver)
    assert opened(text, receiver, now=NOW + e2e.MAX_AGE)[0] == b"hello"
    with pytest.raises(SealRefused, match="too long ago"):
        opened(text, receiver, now=NOW + e2e.MAX_AGE + 1)


def test_message_that_waited_over_the_turn_of_months_is_opened():
    receiver = ACME.credential(BOB.uri, MONTH, "202612")
    assert opened(seal(receiver=receiver), receiver, now=months.end(MONTH) + 20 * months.DAY)[0] == b"hello"


def test_token_that_had_run_out_when_signing_is_refused():
    late = months.end(MONTH) + months.GRACE
    receiver = ACME.credential(BOB.uri, MONTH, "202612")
    with pytest.raises(SealRefused, match="run out"):
        opened(forged({"time": late}, receiver=receiver), receiver, now=late)


def test_month_whose_keys_are_gone():
    with pytest.raises(SealRefused, match="no keys for 202611"):
        opened(seal(), ACME.credential(BOB.uri, "202612"), now=months.start("202612"))


@pytest.mark.parametrize(
    "text, words",
    [
        (forged({"to": str(CAROL.client)}), "another pair"),
        (forged({"from": str(DAVE.client)}), "another pair"),
        (forged({}, head={"token": DAVE.months[MONTH].token}), "signature"),
        (forged({}, head={"token": BOB.months[MONTH].token}), "another client"),
        (forged({}, head={"token": ""}), "3 parts"),
        (forged({}, head={"zip": "DEF"}), "unknown field"),
        (forged({"body": "%%%"}), "base64url"),
        (forged({"time": "now"}), r"\$\.time"),
        (forged({"kind": ""}), r"\$\.kind"),
        (sealed(b"hello"), "3 parts"),
        (sealed(b"\xff\xfe"), "ascii"),
        (sealed(b"hello", kid="November"), r"\$\.kid"),
        (sealed(b"hello", typ="crs-client"), r"\$\.typ"),
        (sealed(b"hello", nickname="x"), "unknown field"),
        ("", "5 parts"),
        ("....", "truncated"),
        ("hello", "5 parts"),
    ],
)
def test_forged(text, words):
    with pytest.raises(SealRefused, match=words):
        opened(text)


@pytest.mark.parametrize(
    "epk",
    [
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},  # of small order: no secret would come of it
        {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "OKP", "crv": "X25519", "x": "A"},
        {},
        None,
        [],
    ],
)
def test_hostile_ephemeral_key(epk):
    head, _, rest = seal().partition(".")
    head = fields.b64(json.dumps({**json.loads(fields.unb64(head)), "epk": epk}).encode())
    with pytest.raises(SealRefused):
        opened(f"{head}.{rest}")


def test_nothing_is_sealed_for_a_key_of_small_order():
    token = token_of(BOB)
    weak = jose.PublicKey("X25519", "OKP", "A" * 43)
    with pytest.raises(SealRefused, match="not sealed"):
        e2e.seal(b"hello", ALICE, type(token)(token.sub, token.month, token.exp, token.sig, weak), "content", "m1", NOW)


TEXT = seal()


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("ABab09-_.=+/ \n\x00å"))
def test_any_changed_character_is_refused(at, char):
    changed = TEXT[:at] + char + TEXT[at + 1 :]
    if changed != TEXT:
        with pytest.raises(SealRefused):
            opened(changed)


def test_without_keys_nothing_is_sealed():
    with pytest.raises(credential.CredentialFault, match="no keys for 202703"):
        seal(now=months.start("202703"))


def test_clients_of_the_same_number_are_told_apart():
    assert Client("+46701234567", "acme") == ALICE.client != CAROL.client
    with pytest.raises(SealRefused):
        opened(seal(CAROL, BOB), BOB, ALICE.client)
