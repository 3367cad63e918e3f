"""The heads of the HTTP/1.1 handshake of a WebSocket (RFC 6455, chapter 4), both sides: bytes in, bytes out.

What a request must hold, what is answered to one that does not, and the client's half. No extension is ever negotiated:
permessage-deflate costs memory and makes a large message of a small one.
Why this is not left to gevent-websocket: doc/decisions/websocket-handshake.md.
"""

import base64
import hashlib
import re
from typing import NamedTuple

from crs.errors import CrsError
from crs.wire.vocabulary import SUBPROTOCOL

END = b"\r\n\r\n"
PATHS = ("/", "/crs")

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REQUEST_LINE = re.compile(r"([!-~]+) ([!-~]+) (HTTP/[0-9]\.[0-9])")
_STATUS_LINE = re.compile(r"HTTP/1\.1 ([1-5][0-9]{2})( [\t -~\x80-\xff]*)?")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")  # RFC 9110, 5.1 and 5.5
_ABSOLUTE = re.compile(r"(?:https?|wss?)://[^/?#]+", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # base64 of exactly 16 bytes
_REASONS = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
}


class UpgradeError(CrsError):
    """The connection did not become a WebSocket. ``status``: the HTTP status that was sent or received, 0 for none."""

    def __init__(self, text: str, status: int = 0):
        super().__init__(text)
        self.status = status


class HeadAnswer(NamedTuple):
    """What to send to a request. With status 101 it is a WebSocket from there on, else it was refused: ``text``."""

    status: int
    response: bytes
    text: str = ""


def answer(head: bytes) -> HeadAnswer:
    """Answer one request head, which ends with END."""
    first, *lines = head.removesuffix(END).decode("latin-1").removeprefix("\r\n").split("\r\n")  # RFC 9112, 2.2
    line = _REQUEST_LINE.fullmatch(first)
    headers = _fields(lines)
    if not line or headers is None:
        return refuse(400, "this is not an HTTP/1.1 request")
    method, target, version = line.groups()
    return _refusal(method, _path(target), version, headers) or _accept(headers)


def _path(target: str) -> str:
    """The path of a request target in origin-form or absolute-form (RFC 9112, 3.2)."""
    absolute = _ABSOLUTE.match(target)
    path = target[absolute.end() :] if absolute else target
    return path.partition("?")[0] or "/"


def refuse(status: int, text: str, *headers: str) -> HeadAnswer:
    """A short plain-text refusal, after which the connection ends."""
    body = text + "\n"
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Connection: close",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return HeadAnswer(status, "\r\n".join(lines).encode() + END + body.encode(), text)


def _refusal(method: str, path: str, version: str, headers: dict[str, str]) -> HeadAnswer | None:
    """What is wrong with a request; None for a good one."""
    if version != "HTTP/1.1":
        return refuse(400, "HTTP/1.1 is needed")
    if method != "GET":
        return refuse(405, "only GET is served here", "Allow: GET")
    if path not in PATHS:
        return refuse(404, f"nothing is served here but a WebSocket at {' and '.join(PATHS)}")
    if "websocket" not in _members(headers.get("upgrade", "").lower()):
        return refuse(426, "this is a WebSocket: send Upgrade: websocket", "Upgrade: websocket")
    if headers.get("sec-websocket-version") != "13":
        return refuse(426, "WebSocket version 13 is needed", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    if "upgrade" not in _members(headers.get("connection", "").lower()):
        return refuse(400, "Connection: Upgrade is missing")
    if not _KEY.fullmatch(headers.get("sec-websocket-key", "")):
        return refuse(400, "Sec-WebSocket-Key is not the base64 of 16 bytes")
    if not headers.get("host"):
        return refuse(400, "Host is missing")
    if "," in headers["host"]:
        return refuse(400, "more than one Host")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return refuse(400, "a request for a WebSocket has no body")
    if SUBPROTOCOL not in _members(headers.get("sec-websocket-protocol", SUBPROTOCOL)):
        return refuse(400, f"the only subprotocol here is {SUBPROTOCOL}")
    return None


def _accept(headers: dict[str, str]) -> HeadAnswer:
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {_accept_key(headers['sec-websocket-key'])}",
    ]
    if "sec-websocket-protocol" in headers:
        lines.append(f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")
    return HeadAnswer(101, "\r\n".join(lines).encode() + END)


# --- the client's half


def request(host: str, path: str, key: bytes) -> bytes:
    """The request head of a client; ``key`` is 16 random bytes."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(key).decode()}\r\n"
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"
    ).encode() + END


def check_response(head: bytes, key: bytes) -> None:
    """Check a server's response head to ``request`` (4.1). Raises UpgradeError."""
    first, *lines = head.removesuffix(END).decode("latin-1").split("\r\n")
    line = _STATUS_LINE.fullmatch(first)
    headers = _fields(lines)
    if not line or headers is None:
        raise UpgradeError("the server does not speak HTTP/1.1")
    status = int(line[1])
    if status != 101:
        raise UpgradeError(f"the server answered {first[9:]}", status)
    if (
        "websocket" not in _members(headers.get("upgrade", "").lower())
        or "upgrade" not in _members(headers.get("connection", "").lower())
        or headers.get("sec-websocket-accept") != _accept_key(base64.b64encode(key).decode())
        or "sec-websocket-extensions" in headers
        or headers.get("sec-websocket-protocol", SUBPROTOCOL) != SUBPROTOCOL
    ):
        raise UpgradeError("the server's answer does not fit the request", status)


# --- both


def _fields(lines: list[str]) -> dict[str, str] | None:
    """Header fields by lower-case name, repeated ones joined by a comma; None where a line is not one."""
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if not field:
            return None
        name, value = field[1].lower(), field[2].strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _members(value: str) -> list[str]:
    """The members of a comma-separated list."""
    return [member.strip() for member in value.split(",")]


def _accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
