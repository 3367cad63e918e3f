"""The upper bound on the strength of a secret."""

import base64

import pytest

from crs.trust import strength


@pytest.mark.parametrize(
    ("secret", "bits"),
    [
        ("", 0),
        ("1234567890123", 43),
        ("0123456789abcdef", 64),
        ("0123456789ABCDEF" * 2, 128),
        ("abcdefghijkl", 72),
        ("a" * 100, 0),
        ("ab" * 50, 100),
        ("correct horse battery", 137),
        ("ÅÄÖåäö éü", 72),
    ],
)
def test_bits(secret, bits):
    assert strength.bits(secret) == bits


def test_what_the_cli_makes_is_enough():
    made = base64.b64encode(bytes(range(16))).decode()
    assert not strength.weak(made) and strength.weak(made[:20])
