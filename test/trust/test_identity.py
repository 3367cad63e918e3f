"""Identities and keys of the TLS handshake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.trust import fields, identity

KEY = bytes(range(32))
URIS = ["+46701234567", "+123", "+123456789012345", "urn:x-crs:client:a", "urn:x-crs:client:" + "n" * 40]

# A client's identity and key as published in doc/update-file.md: any implementation must come to the same.
VECTOR = "c.acme.202611.iK1GGiEjjj2gmN7uRIkl0W289iTqhWtbQ_JTqA"


def test_hkdf_is_rfc_5869_with_empty_salt():
    """Test case 3 of RFC 5869, appendix A."""
    okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert identity.hkdf(b"\x0b" * 22, "", 42).hex() == okm


def test_published_vector():
    text = identity.client_identity("acme", "202611", "+46701234567", KEY)
    assert text == VECTOR
    assert identity.psk(KEY, text).hex() == "45d7958e249541c1bdb9ca4a89e5194cd2524569037094e4e077de143c6b7119"


@pytest.mark.parametrize("uri", URIS)
def test_identity_opens_to_its_uri(uri):
    text = identity.client_identity("a" * 20, "202611", uri, KEY)
    assert len(text) <= identity.MAX_IDENTITY
    parsed = identity.parse_identity(text)
    assert (parsed.kind, parsed.account, parsed.month) == ("c", "a" * 20, "202611")
    assert identity.open_uri(KEY, parsed) == uri


def test_identity_is_bound_to_account_month_and_key():
    parsed = identity.parse_identity(VECTOR)
    assert identity.open_uri(KEY, parsed._replace(account="acme2")) is None
    assert identity.open_uri(KEY, parsed._replace(month="202612")) is None
    assert identity.open_uri(KEY, parsed._replace(sealed=bytes(len(parsed.sealed)))) is None
    assert identity.open_uri(bytes(32), parsed) is None


def test_two_months_are_not_linkable_by_their_sealed_part():
    this, other = (identity.client_identity("acme", month, URIS[0], KEY) for month in ("202611", "202612"))
    assert this.rpartition(".")[2] != other.rpartition(".")[2]


@pytest.mark.parametrize("uri", ["", "+46 70 123", "tel:+46701234567", "46701234567", "urn:x-crs:client:" + "n" * 41])
def test_identity_is_made_for_normal_uris_only(uri):
    with pytest.raises(ValueError):
        identity.client_identity("acme", "202611", uri, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c",
        "c.acme.202611",
        VECTOR + ".x",
        VECTOR + "=",
        VECTOR + "AAA",
        VECTOR + "\n",
        " " + VECTOR,
        "a" + VECTOR[1:],
        VECTOR.replace("acme", "ac me"),
        VECTOR.replace("acme", "a" * 21),
        VECTOR.replace("11", "13"),
        VECTOR.replace("_", "/"),
        "c.acme.202611." + "A" * 21,
        "c.acme.202611." + "A" * 112,
        "c.acme.202611.",
        "å" + VECTOR,
        VECTOR.replace("acme", "acme\n"),
        VECTOR[:-1] + "B",  # differs in the spare bits of the last character alone
    ],
)
def test_what_is_not_an_identity(text):
    assert identity.parse_identity(text) is None


@given(st.text(max_size=140))
def test_any_text_is_parsed_or_none(text):
    parsed = identity.parse_identity("c.acme.202611." + text)
    assert parsed is None or fields.b64(parsed.sealed) == text
