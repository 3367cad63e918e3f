"""The heads of the opening: what is granted, what is refused and with which words, on both sides."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.wire import heads

KEY = b"the sample nonce"
GOOD = {
    "": "GET / HTTP/1.1",
    "Host": "crs.example.org:5223",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "crs.v1",
}
ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455, 1.3


def head(**changes) -> bytes:
    """GOOD with fields replaced (underscores for hyphens; ``line`` is the request line), left out (None) or added."""
    fields = dict(GOOD)
    for name, value in changes.items():
        fields["" if name == "line" else name.replace("_", "-")] = value
    lines = [f"{name}: {value}" if name else value for name, value in fields.items() if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"line": "GET /crs HTTP/1.1"},
        {"line": "GET /?from=here HTTP/1.1"},
        {"Upgrade": "h2c, WebSocket"},
        {"Connection": "keep-alive, UPGRADE"},
        {"Sec_WebSocket_Protocol": "crs.v2, crs.v1"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"},
        {"Content_Length": "0"},
        {"Cookie": "x" * 4000, "User_Agent": "caf\xe9\t(test)"},
        {"Empty": ""},
    ],
)
def test_a_good_request_is_granted(changes):
    answer = heads.answer(head(**changes))
    assert answer.status == 101
    lines = answer.response.decode().split("\r\n")
    assert lines == [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        ACCEPT,
        "Sec-WebSocket-Protocol: crs.v1",
        "",
        "",
    ]


def test_a_client_that_offers_no_subprotocol_is_told_none():
    answer = heads.answer(head(Sec_WebSocket_Protocol=None))
    assert answer.status == 101
    assert b"Protocol:" not in answer.response


NO_HTTP = "this is not an HTTP/1.1 request"
NO_KEY = "Sec-WebSocket-Key is not the base64 of 16 bytes"


@pytest.mark.parametrize(
    "status, text, changes",
    [
        (400, NO_HTTP, {"line": "GET /"}),
        (400, NO_HTTP, {"line": "GET  / HTTP/1.1"}),
        (400, NO_HTTP, {"line": " GET / HTTP/1.1"}),
        (400, NO_HTTP, {"line": "GET / HTTP/1.1 "}),
        (400, NO_HTTP, {"line": "GET /\x00 HTTP/1.1"}),
        (400, NO_HTTP, {"line": ""}),
        (400, NO_HTTP, {"Folded": "a\r\n b"}),
        (400, NO_HTTP, {"Bare": "a\nb"}),
        (400, NO_HTTP, {"Zero": "\0"}),
        (400, NO_HTTP, {"White Space": "in the name"}),
        (400, NO_HTTP, {"Name ": "a space before the colon"}),
        (400, NO_HTTP, {"Line": "\r\nwithout a colon"}),
        (400, "HTTP/1.1 is needed", {"line": "GET / HTTP/1.0"}),
        (400, "HTTP/1.1 is needed", {"line": "GET / HTTP/2.0"}),
        (405, "only GET is served here", {"line": "POST / HTTP/1.1"}),
        (404, "nothing is served here but a WebSocket at / and /crs", {"line": "GET /index.html HTTP/1.1"}),
        (404, "nothing is served here but a WebSocket at / and /crs", {"line": "GET //crs HTTP/1.1"}),
        (426, "this is a WebSocket: send Upgrade: websocket", {"Upgrade": None}),
        (426, "this is a WebSocket: send Upgrade: websocket", {"Upgrade": "websockets"}),
        (426, "WebSocket version 13 is needed", {"Sec_WebSocket_Version": None}),
        (426, "WebSocket version 13 is needed", {"Sec_WebSocket_Version": "8"}),
        (426, "WebSocket version 13 is needed", {"Sec_WebSocket_Version": "13, 13"}),
        (400, "Connection: Upgrade is missing", {"Connection": None}),
        (400, "Connection: Upgrade is missing", {"Connection": "keep-alive"}),
        (400, NO_KEY, {"Sec_WebSocket_Key": None}),
        (400, NO_KEY, {"Sec_WebSocket_Key": "dGhlIHNhbXBsZQ=="}),
        (400, NO_KEY, {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZR=="}),
        (400, NO_KEY, {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="}),
        (400, "Host is missing", {"Host": None}),
        (400, "a request for a WebSocket has no body", {"Content_Length": "5"}),
        (400, "a request for a WebSocket has no body", {"Transfer_Encoding": "chunked"}),
        (400, "the only subprotocol here is crs.v1", {"Sec_WebSocket_Protocol": "chat, xcrs.v1"}),
        (400, "the only subprotocol here is crs.v1", {"Sec_WebSocket_Protocol": "CRS.V1"}),
        (400, "the only subprotocol here is crs.v1", {"Sec_WebSocket_Protocol": ""}),
    ],
)
def test_a_bad_request_is_refused_in_words(status, text, changes):
    answer = heads.answer(head(**changes))
    assert (answer.status, answer.text) == (status, text)
    first, rest = answer.response.split(b"\r\n", 1)
    assert first.startswith(b"HTTP/1.1 %d " % status)
    fields, body = rest.split(b"\r\n\r\n")
    assert b"Connection: close" in fields
    assert b"Content-Length: %d" % len(body) in fields
    assert body == text.encode() + b"\n"


def test_refusals_say_what_would_be_right():
    assert b"\r\nAllow: GET\r\n" in heads.answer(head(line="PUT / HTTP/1.1")).response
    assert b"\r\nUpgrade: websocket\r\n" in heads.answer(head(Upgrade=None)).response
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in heads.answer(head(Sec_WebSocket_Version="7")).response


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(some):
    assert heads.answer(some + b"\r\n\r\n").status == 400


def test_a_hostile_head_is_not_searched_twice():
    """A pattern that tries the same blanks in every way would take hours over this."""
    for filler in (b" ", b"\t ", b":", b"a", b","):
        hostile = head()[:-2] + b"x:" + filler * (200_000 // len(filler)) + b"\0\r\n\r\n"
        assert heads.answer(hostile).status == 400


# --- the client's half


def test_what_the_client_asks_the_server_grants():
    request = heads.request("crs.example.org", "/crs", KEY)
    heads.check_response(heads.answer(request).response, KEY)


def response(text_from: str = "", text_to: str = "") -> bytes:
    whole = heads.answer(heads.request("h", "/", KEY)).response.decode("latin-1")
    assert text_from in whole
    return whole.replace(text_from, text_to).encode("latin-1")


@pytest.mark.parametrize(
    "head, text, status",
    [
        (b"220 mail.example.org ESMTP\r\n\r\n", "the server does not speak HTTP/1.1", 0),
        (b"HTTP/1.0 101 OK\r\n\r\n", "the server does not speak HTTP/1.1", 0),
        (response("Upgrade: websocket", "Upgrade websocket"), "the server does not speak HTTP/1.1", 0),
        (
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n",
            "the server answered 503 Service Unavailable",
            503,
        ),
        (b"HTTP/1.1 400\r\n\r\n", "the server answered 400", 400),
        (response("Upgrade: websocket", "Upgrade: h2c"), "the server's answer does not fit the request", 101),
        (response("Connection: Upgrade", "Connection: close"), "the server's answer does not fit the request", 101),
        (response("crs.v1", "crs.v2"), "the server's answer does not fit the request", 101),
        (
            response("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
            "the server's answer does not fit the request",
            101,
        ),
        (
            heads.answer(heads.request("h", "/", b"some other nonce")).response,
            "the server's answer does not fit the request",
            101,
        ),
    ],
)
def test_a_bad_response_is_told(head, text, status):
    with pytest.raises(heads.UpgradeError, match=re.escape(text)) as caught:
        heads.check_response(head, KEY)
    assert caught.value.status == status


def test_the_key_on_the_wire_is_the_base64_of_the_nonce():
    assert b"Sec-WebSocket-Key: " + base64.b64encode(KEY) in heads.request("h", "/", KEY)
