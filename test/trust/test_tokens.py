"""Domain tokens and client tokens: what is accepted and what is refused."""

import json

import pytest

from crs.names import Client
from crs.trust import fields, jose, months, tokens
from crs.trust.tokens import TokenRefused
from test.trust.people import MONTH, NOW, Domain, token_of

ACME, BETA = Domain("acme"), Domain("beta")
ALICE = Client("+46701234567", "acme")
KEYS = ACME.keys(ALICE.uri)
END = months.end(MONTH) + months.GRACE


def signed(claims: dict, key=ACME.key, **head) -> str:
    return jose.sign({"typ": "crs-client", **head}, json.dumps(claims).encode(), key)


def claims(**changed) -> dict:
    return {**json.loads(fields.unb64(KEYS.token.split(".")[1])), **changed}


def test_good_token_tells_the_keys():
    token = tokens.verify(KEYS.token, ACME.token, ALICE, NOW)
    assert (token.sub, token.month) == ("+46701234567@acme", MONTH)
    assert (token.sig, token.enc) == (KEYS.sign.public(), KEYS.enc.public())


def test_token_lives_until_the_grace_of_its_month_is_over():
    assert tokens.verify(KEYS.token, ACME.token, ALICE, END - 1)
    with pytest.raises(TokenRefused, match="run out"):
        tokens.verify(KEYS.token, ACME.token, ALICE, END)


def test_members_of_later_releases_are_ignored():
    assert tokens.verify(signed(claims(nickname="al")), ACME.token, ALICE, NOW).sub == str(ALICE)


@pytest.mark.parametrize(
    "token, domain, client, words",
    [
        (KEYS.token, ACME.token, Client("+46701234568", "acme"), "another client"),
        (KEYS.token, ACME.token, Client(ALICE.uri, "beta"), "kid names another account"),
        (KEYS.token, BETA.token, Client(ALICE.uri, "beta"), "signature"),
        (signed(claims(), BETA.key), ACME.token, ALICE, "signature"),
        (signed(claims(), KEYS.sign), ACME.token, ALICE, "signature"),
        (KEYS.token[:-4], ACME.token, ALICE, "is not good"),
        (KEYS.token + "A", ACME.token, ALICE, "is not good"),
        (KEYS.token + ".", ACME.token, ALICE, "3 parts"),
        ("", ACME.token, ALICE, "3 parts"),
        ("å.ä.ö", ACME.token, ALICE, "base64url"),
        (signed(claims(), typ="crs-signed"), ACME.token, ALICE, "$.typ"),
        (signed(claims(), kid="acme"), ACME.token, ALICE, "unknown field `kid`"),
        (signed(claims(month="2026-11")), ACME.token, ALICE, "$.month"),
        (signed(claims(exp="never")), ACME.token, ALICE, "$.exp"),
        (signed(claims(sub=None)), ACME.token, ALICE, "$.sub"),
        (signed(claims(enc=claims()["sig"])), ACME.token, ALICE, "curves"),
        (signed(claims(sig={**claims()["sig"], "crv": "P-256"})), ACME.token, ALICE, "$.sig.crv"),
        (signed([]), ACME.token, ALICE, "Expected `object`"),
        (KEYS.token, "", ALICE, "is none"),
        (KEYS.token, "{}", ALICE, "is none"),
        (KEYS.token, ACME.token.replace("Ed25519", "X25519"), ALICE, "curve"),
        (KEYS.token, ACME.token.replace(',"kid":"acme"', ""), ALICE, "kid"),
    ],
)
def test_refused(token, domain, client, words):
    with pytest.raises(TokenRefused) as caught:
        tokens.verify(token, domain, client, NOW)
    assert words in str(caught.value)


def test_unsigned_token_is_refused():
    head = fields.b64(b'{"alg":"none","typ":"crs-client"}')
    with pytest.raises(TokenRefused, match=r"\$\.alg"):
        tokens.verify(f"{head}.{KEYS.token.split('.')[1]}.", ACME.token, ALICE, NOW)


def test_rfc_8037_signature():
    """RFC 8037, appendix A.4: its key and payload signed here as there, but for the algorithm's newer name."""
    key = jose.PrivateKey(
        "Ed25519", "OKP", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    )
    assert jose.is_pair(key, "Ed25519")
    text = jose.sign({}, b"Example of Ed25519 signing", key)
    assert jose.verify(text, key.public()) == b"Example of Ed25519 signing"
    assert fields.unb64(text.split(".")[0]) == b'{"alg":"Ed25519"}'


def test_private_keys_do_not_show():
    assert KEYS.sign.d not in repr(KEYS.sign) and KEYS.sign.d not in repr(KEYS)
    assert token_of(ACME.credential(ALICE.uri)).sub == str(ALICE)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\xff", "invalid"),
        (b"[" * 50_000, "nested"),
        (b'"\xc3"', "UTF-8"),
        (b"{} {}", "trailing"),
        (b"", "truncated"),
    ],
)
def test_bad_json_is_a_value_error(data, words):
    with pytest.raises(ValueError) as caught:
        fields.read(data, object)
    assert words.lower() in str(caught.value).lower() or "utf-8" in str(caught.value).lower()
