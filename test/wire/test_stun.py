"""STUN as bytes: the vectors of RFC 5769, and what parsing must never let through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crs import names
from crs.wire import stun

from . import stunfiles

REQUEST = stunfiles.load("valid/rfc5769_request").packet
KEY = b"VOkJxbRl1RmTxUk/WvJxBt"
IPV4_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)


def test_the_request_of_rfc5769():
    message = stun.parse(REQUEST)
    assert message.type == stun.BINDING_REQUEST
    assert message.transaction.hex() == "b7e7a701bc34d686fa87dfae"
    assert message.attributes[stun.USERNAME] == b"evtj:h6vY"
    assert message.fragment == b"evtj"
    assert message.attributes[stun.PRIORITY] == bytes.fromhex("6e0001ff")
    assert message.unknown == []
    assert stun.authenticate(REQUEST, message, KEY) == stun.MESSAGE_INTEGRITY
    assert stun.authenticate(REQUEST, message, KEY + b"x") is None


@pytest.mark.parametrize(
    "response, address",
    [(IPV4_RESPONSE, ("192.0.2.1", 32853)), (IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))],
)
def test_the_responses_of_rfc5769(response, address):
    message = stun.parse(response)
    assert message.type == stun.BINDING_SUCCESS
    assert message.attributes[stun.XOR_MAPPED_ADDRESS] == stun.xor_address(address, message.transaction)
    assert stun.authenticate(response, message, KEY) == stun.MESSAGE_INTEGRITY


def test_no_changed_bit_of_the_vector_is_authentic():
    protected = len(REQUEST) - 8  # MESSAGE-INTEGRITY cannot cover the FINGERPRINT behind it
    for bit in range(protected * 8):
        changed = bytearray(REQUEST)
        changed[bit // 8] ^= 1 << bit % 8
        message = stun.parse(bytes(changed))
        assert message is None or stun.authenticate(bytes(changed), message, KEY) is None, bit


def test_no_cut_of_the_vector_is_taken():
    assert not [end for end in range(len(REQUEST)) if stun.parse(REQUEST[:end])]


@pytest.mark.parametrize("integrity", stun.DIGESTS)
def test_a_request_of_ours_is_authentic(integrity):
    request = stun.binding_request(bytes(12), "some+fragment", b"key", integrity=integrity)
    message = stun.parse(request)
    assert message.fragment == b"some+fragment"
    assert stun.authenticate(request, message, b"key") == integrity


@pytest.mark.parametrize(
    "host, same",
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_addresses_are_made_plain(host, same):
    assert names.plain_ip(host) == same
    assert stun.xor_address((host, 7), bytes(12)) == stun.xor_address((same, 7), bytes(12))


@settings(deadline=None)
@given(
    st.binary(max_size=200).map(lambda tail: b"\0\1" + (len(tail)).to_bytes(2, "big") + stun.COOKIE + bytes(12) + tail)
)
def test_any_bytes_can_be_parsed(data):
    message = stun.parse(data)
    if message is not None:
        assert stun.authenticate(data, message, KEY) is None
