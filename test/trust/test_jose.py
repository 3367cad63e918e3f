"""Encryption and signatures: what was made with a key is read with it, and with no other."""

import pytest

from crs.trust import jose
from crs.trust.fields import b64
from test.trust.people import seed

SHARED, OTHER = seed("shared"), seed("other")
SEALING, SIGNING = jose.new_key("X25519", seed("enc")), jose.new_key("Ed25519", seed("sign"))


def changed(text: str) -> str:
    """``text`` with the last part changed in its first character."""
    head, dot, last = text.rpartition(".")
    return head + dot + ("B" if last[0] == "A" else "A") + last[1:]


def test_encrypted_under_a_shared_key():
    text = jose.encrypt({"typ": "x"}, b"content", SHARED)
    assert jose.decrypt(text, SHARED) == b"content"
    for wrong, key in ((text, OTHER), (changed(text), SHARED)):
        with pytest.raises(jose.JoseRefused):
            jose.decrypt(wrong, key)


def test_encrypted_for_the_owner_of_a_key():
    text = jose.encrypt_for({"typ": "x"}, b"content", SEALING.public())
    assert jose.decrypt_with(text, SEALING) == b"content"
    with pytest.raises(jose.JoseRefused):
        jose.decrypt_with(text, jose.new_key("X25519", OTHER))


def test_signed():
    text = jose.sign({"typ": "x"}, b"payload", SIGNING)
    assert jose.verify(text, SIGNING.public()) == b"payload"
    for wrong, key in ((text, jose.new_key("Ed25519", OTHER)), (changed(text), SIGNING)):
        with pytest.raises(jose.JoseRefused):
            jose.verify(wrong, key.public())


def test_a_key_pair_is_of_one_curve_and_belongs_together():
    assert jose.is_pair(SEALING, "X25519") and jose.is_pair(SIGNING, "Ed25519")
    assert not jose.is_pair(SEALING, "Ed25519")
    assert not jose.is_pair(jose.PrivateKey("X25519", "OKP", SEALING.x, b64(OTHER)), "X25519")


def test_a_header_has_our_algorithms_and_members_alone():
    class Header(jose.SharedHeader):
        typ: str

    assert jose.header(jose.encrypt({"typ": "x"}, b"", SHARED), Header).typ == "x"
    for text in (
        jose.encrypt({"typ": "x", "more": "y"}, b"", SHARED),
        jose.encrypt_for({"typ": "x"}, b"", SEALING.public()),
        jose.sign({"typ": "x"}, b"", SIGNING),
        "not.a.header.at.all",
    ):
        with pytest.raises(jose.JoseRefused):
            jose.header(text, Header)


def test_a_private_key_does_not_show_itself():
    assert SIGNING.d not in repr(SIGNING)
