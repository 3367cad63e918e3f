"""Offers and answers: both ends must come to the same keys, or refuse."""

import base64
import itertools
import json

import msgspec
import pytest

from crs.client import offer as offers
from crs.client.offer import MediaAnswer, MediaOffer, OfferRefused


def counting():
    """Deterministic "random" bytes, different at every call."""
    numbers = itertools.count(1)
    return lambda length: bytes([next(numbers)]) * length


def over_the_wire(value):
    return offers.decode(offers.encode(value), type(value))


def test_both_ends_come_to_the_same_keys():
    random_bytes = counting()
    offer = offers.make_offer(random_bytes)
    answer, callee_sends, callee_receives = offers.make_answer(over_the_wire(offer), random_bytes)
    caller_sends, caller_receives = offers.take_answer(offer, over_the_wire(answer))
    assert (caller_sends, caller_receives) == (callee_receives, callee_sends)
    assert caller_sends.key != caller_receives.key
    assert caller_sends.suite == "AEAD_AES_128_GCM" and len(caller_sends.key) == 28


def test_the_callee_takes_the_suite_that_it_knows():
    offer = offers.make_offer(counting())
    del offer.streams[0].srtp["AEAD_AES_128_GCM"]
    offer.streams[0].srtp["SOMETHING_NEWER"] = "AAAA"
    answer, send, receive = offers.make_answer(offer, counting())
    assert {send.suite, receive.suite, answer.streams[0].suite} == {"AES_CM_128_HMAC_SHA1_80"}
    assert len(send.key) == len(receive.key) == 30


def changed(**members) -> MediaOffer:
    plain = json.loads(offers.encode(offers.make_offer(counting())))
    plain["streams"][0].update(members)
    return offers.decode(json.dumps(plain).encode(), MediaOffer)


@pytest.mark.parametrize(
    "offer, why",
    [
        (changed(codec="PCMU/8000"), "no L16/8000"),
        (changed(type=97), "no L16/8000"),
        (changed(stream=1), "no L16/8000"),
        (changed(srtp={}), "none of AEAD_AES_128_GCM"),
        (changed(srtp={"NULL": ""}), "none of AEAD_AES_128_GCM"),
        (changed(srtp={"AEAD_AES_128_GCM": "AAAA"}), "28 bytes"),
        (changed(srtp={"AEAD_AES_128_GCM": "not base64"}), "28 bytes"),
    ],
)
def test_an_offer_that_is_of_no_use_is_refused(offer, why):
    with pytest.raises(OfferRefused, match=why):
        offers.make_answer(offer, counting())


@pytest.mark.parametrize(
    "stream",
    [
        {"stream": 1, "suite": "AEAD_AES_128_GCM", "key": base64.b64encode(bytes(28)).decode()},
        {"stream": 0, "suite": "NULL", "key": ""},
        {"stream": 0, "suite": "AEAD_AES_128_GCM", "key": base64.b64encode(bytes(27)).decode()},
    ],
)
def test_an_answer_to_something_else_is_refused(stream):
    answer = msgspec.convert({"v": 1, "streams": [stream]}, MediaAnswer)
    with pytest.raises(OfferRefused):
        offers.take_answer(offers.make_offer(counting()), answer)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"v":2,"streams":[]}', b'{"v":1}', b'{"v":1,"streams":[{}]}', b"\xff"])
def test_what_is_no_offer_is_refused(body):
    with pytest.raises(OfferRefused, match="not a media offer"):
        offers.decode(body, MediaOffer)


def test_an_offer_without_streams_is_refused():
    with pytest.raises(OfferRefused):
        offers.make_answer(offers.decode(b'{"v":1,"streams":[]}', MediaOffer), counting())
