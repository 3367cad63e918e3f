"""doc/relay.md is true: its example bytes, its code, its offers, its tables."""

import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from crs.client import offer
from crs.relay import control, conversation, leg
from crs.wire import stun

from ..wire import stunfiles
from .running import MEDIA, RunningRelay, UdpPeer, new_leg

ENDPOINT = SimpleNamespace(sendto=None)  # of a relay that only judges packets
DOC = (Path(__file__).parents[2] / "doc" / "relay.md").read_text()


def block(kind: str, number: int = 0) -> str:
    """A fenced block of the page."""
    return re.findall(rf"^```{kind}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)[number]


def code() -> dict:
    """The names that the page's Python defines."""
    names = {}
    exec(block("python", 0) + block("python", 1), names)
    return names


def test_the_example_is_what_the_relay_says():
    request, answer = bytes.fromhex(block("request")), bytes.fromhex(block("answer"))
    ufrag, pwd = stunfiles.NATIVE
    assert f'"ufrag": "{ufrag}", "pwd": "{pwd}"' in block("json")
    assert request == code()["binding_request"](ufrag, pwd, bytes.fromhex("b7e7a701bc34d686fa87dfae"))
    table = conversation.ConversationTable({}, 90_000)
    table.add("call", conversation.Kind.RTP, stunfiles.LEGS, [], 0)
    assert table.receive(request, ("192.0.2.1", 32853), ENDPOINT, 0) == answer


def test_the_code_of_the_page_binds():
    bind = code()["bind"]
    legs = new_leg(), new_leg()
    with RunningRelay() as relay, socket.socket(type=socket.SOCK_DGRAM) as anna:
        relay.add(*legs)
        assert bind(anna, (relay.ip, relay.port), *legs[0])
        assert not bind(anna, (relay.ip, relay.port), legs[1][0], "wrong", patience=0.1)
        ben = UdpPeer(relay)
        ben.bind(legs[1])
        ben.send(MEDIA)
        assert anna.recv(2048) == MEDIA


@pytest.mark.parametrize(
    "length, ip, integrity, size",
    [
        (17, "192.0.2.1", stun.MESSAGE_INTEGRITY, 0),
        (17, "2001:db8::1", stun.MESSAGE_INTEGRITY, 0),
        (17, "2001:db8::1", stun.MESSAGE_INTEGRITY_SHA256, 0),
        (4, "192.0.2.1", stun.MESSAGE_INTEGRITY, 56),
        (4, "2001:db8::1", stun.MESSAGE_INTEGRITY, 68),
        (4, "2001:db8::1", stun.MESSAGE_INTEGRITY_SHA256, 80),
    ],
)
def test_requests_of_the_told_size_are_answered(length, ip, integrity, size):
    bare = stun.binding_request(bytes(12), "u" * length, b"p" * 24, integrity=integrity)
    padding = (
        b""
        if size <= len(bare)
        else b"\x80\x22" + (size - len(bare) - 4).to_bytes(2, "big") + bytes(size - len(bare) - 4)
    )
    request = stun.binding_request(bytes(12), "u" * length, b"p" * 24, integrity=integrity, extra=padding)
    assert size in (0, len(request))
    table = conversation.ConversationTable({}, 90_000)
    table.add("call", conversation.Kind.RTP, [("u" * length, "p" * 24), ("other", "p" * 24)], [], 0)
    assert table.receive(request, (ip, 1), ENDPOINT, 0)


def test_the_offer_and_the_answer_are_those_of_the_reference_client():
    offered = offer.decode(block("offer").encode(), offer.MediaOffer)
    answered = offer.decode(block("accepted").encode(), offer.MediaAnswer)
    send, receive = offer.take_answer(offered, answered)
    assert send.suite == receive.suite == "AEAD_AES_128_GCM"


def test_the_numbers_are_those_of_the_code():
    assert "last 7 s" in DOC and leg.SILENT == 7_000
    assert "After 30 s without a Binding" in DOC and conversation.CONSENT == 30_000
    assert "At most 24 attributes" in DOC and stun.MAX_ATTRIBUTES == 24
    assert "| 1500 bytes of UDP payload" in DOC and conversation.MAX_PACKET == 1500
    assert "at most 65,536 bytes" in DOC and control.MAX_LINE == 65_536
    assert "(multicast: to 64)" in DOC and conversation.MAX_LEGS == 64


def test_every_counter_command_and_error_is_explained():
    table = conversation.ConversationTable({}, 90_000)
    for section, fields in control.statistics(table).items():
        assert section == "RTP" or section in DOC, section
        for field in fields:
            assert f"`{field}`" in DOC, field
    for op in control.COMMANDS:
        assert f"| {op} |" in DOC, op
    for word in ("bad-request", "version", "unknown-op", "conflict", "limit"):
        assert f"| `{word}` |" in DOC, word
