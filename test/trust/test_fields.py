"""base64url and JSON of others: one encoding for each value, one line for each fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from crs.trust import fields


class Pair(Struct, forbid_unknown_fields=True):
    key: fields.Key
    number: int
    name: str = ""


@given(st.binary())
def test_base64url_has_one_encoding(data):
    assert fields.unb64(fields.b64(data)) == data


@pytest.mark.parametrize("text", ["AA=", "A", "AB", "A+", "A/", "A A", "Aé"])
def test_what_is_not_base64url(text):
    with pytest.raises(ValueError, match="RFC 7515"):
        fields.unb64(text)


def test_what_was_written_is_read():
    pair = Pair(bytes(range(32)), 7)
    assert fields.read(fields.write(pair), Pair) == pair


@pytest.mark.parametrize(
    "data, told",
    [
        (b"{", "truncated"),
        (b'{"key": "AA==", "number": 1}', r"\$.key"),
        (b'{"key": "AA==", "number": "\x1b[2J"}', r"\$"),
        (b'{"number": 1, "\\u001b[2J\\n": 1}', "unknown field"),
        (b'{"name": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_a_fault_is_one_printable_line(data, told):
    with pytest.raises(ValueError, match=told) as caught:
        fields.read(data, Pair if told != "nested" else list)
    assert str(caught.value).isprintable()


def test_a_uri_that_is_not_in_its_normal_form():
    fields.check_uri("+46701234567")
    with pytest.raises(ValueError, match="normal form"):
        fields.check_uri("+46 70 123 45 67")
