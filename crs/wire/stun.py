"""STUN (RFC 8489) as far as a relay needs it: bytes to values and back.

The Binding request of a client, its authentication, and the two answers to it. Nothing raises on what a peer sent:
what is not well-formed is None.
"""

import hmac
from socket import AF_INET, AF_INET6, inet_pton
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from .. import names

# As a UDP socket has them: (ip, port), or (ip, port, flow information, scope) for IPv6.
Address = tuple[str, int] | tuple[str, int, int, int]

COOKIE = b"\x21\x12\xa4\x42"
HEADER = 20
FIRST_MEDIA = 4  # a packet with a lower first byte may be STUN, one with this or a higher one cannot (RFC 7983)

BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
BINDING_ERROR = 0x0111

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
MESSAGE_INTEGRITY_SHA256 = 0x001C
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028

# Of the attributes that must be understood (those below 0x8000), what a Binding request may carry: RFC 8489,
# chapter 14, and the two of ICE, RFC 8445, chapter 16.1. The credentials of the long-term mechanism are known and
# ignored: legs have short-term ones.
UNDERSTOOD = frozenset(
    (
        0x0001,
        USERNAME,
        MESSAGE_INTEGRITY,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        0x0014,
        0x0015,
        MESSAGE_INTEGRITY_SHA256,
        0x001D,
        0x001E,
        XOR_MAPPED_ADDRESS,
        PRIORITY,
        USE_CANDIDATE,
    )
)
DIGESTS = {MESSAGE_INTEGRITY: ("sha1", 20), MESSAGE_INTEGRITY_SHA256: ("sha256", 32)}
MAX_ATTRIBUTES = 24  # real requests have at most ten; more would be work for nothing
FINGERPRINT_XOR = 0x5354554E

_pack, _unpack = Struct("!HH").pack, Struct("!HH").unpack_from  # the head of a message, and of an attribute


class Message(NamedTuple):
    """A well-formed STUN message, not yet authenticated."""

    type: int
    transaction: bytes  # 12 bytes
    attributes: dict[int, bytes]  # the first of each type that is not to be ignored
    integrity: dict[int, int]  # type -> offset of MESSAGE-INTEGRITY and its SHA-256 twin
    unknown: list[int]  # must be understood, is not

    @property
    def fragment(self) -> bytes:
        """The username fragment of the leg that is addressed: USERNAME up to the colon (RFC 8445, chapter 7.2.2).

        Empty where there is none: no leg has that.
        """
        return self.attributes.get(USERNAME, b"").partition(b":")[0]


def looks_like_stun(data: bytes) -> bool:
    """Whether the first two bits and the magic cookie are STUN's (RFC 7983; RFC 8489, chapter 5)."""
    return data[4:8] == COOKIE and data[0] < FIRST_MEDIA


def parse(data: bytes) -> Message | None:
    """Take a whole datagram apart. None unless every length fits, and FINGERPRINT, if there, is last and right.

    What follows an integrity attribute is ignored, but for the other one and FINGERPRINT (RFC 8489, chapter 14.5).
    """
    end = len(data)
    if end < HEADER or end % 4 or not looks_like_stun(data):
        return None
    kind, length = _unpack(data)
    if length != end - HEADER:
        return None
    attributes: dict[int, bytes] = {}
    integrity: dict[int, int] = {}
    unknown: list[int] = []
    at = HEADER
    for _ in range(MAX_ATTRIBUTES + 1):
        if at == end:
            return Message(kind, data[8:HEADER], attributes, integrity, unknown)
        name, size = _unpack(data, at)
        value = at + 4
        following = value + size + (-size % 4)
        if following > end:
            return None
        if name == FINGERPRINT:
            if size != 4 or following != end or _fingerprint(data[:at]) != data[value:]:
                return None
            attributes[FINGERPRINT] = data[value:]
        elif name in DIGESTS:
            if size != DIGESTS[name][1]:
                return None
            if MESSAGE_INTEGRITY_SHA256 not in integrity:
                integrity.setdefault(name, at)
        elif not integrity:
            attributes.setdefault(name, data[value : value + size])
            if name < 0x8000 and name not in UNDERSTOOD:
                unknown.append(name)
        at = following
    return None


def authenticate(data: bytes, message: Message, key: bytes) -> int | None:
    """The integrity attribute that proves ``key`` (the leg's password), or None; SHA-256 counts where both are there.

    RFC 8489, chapter 9.1.3. ``data`` is what ``message`` was parsed from.
    """
    name = max(message.integrity, default=None)
    if name is None:
        return None
    at = message.integrity[name]
    digest, size = DIGESTS[name]
    proof = data[at + 4 : at + 4 + size]
    return name if hmac.compare_digest(_digest(data[:at], key, digest, size), proof) else None


def success(request: Message, integrity: int, key: bytes, address: Address) -> bytes:
    """The answer to a Binding request from ``address`` (as the socket gives it)."""
    mapped = _attribute(XOR_MAPPED_ADDRESS, xor_address(address, request.transaction))
    return _seal(BINDING_SUCCESS, request, mapped, integrity, key)


def refusal(request: Message, integrity: int, key: bytes) -> bytes:
    """The answer 420 (Unknown Attribute) to a request whose ``unknown`` is not empty."""
    names = b"".join(name.to_bytes(2, "big") for name in request.unknown)
    body = _attribute(ERROR_CODE, b"\0\0\4\x14") + _attribute(UNKNOWN_ATTRIBUTES, names)
    return _seal(BINDING_ERROR, request, body, integrity, key)


def binding_request(
    transaction: bytes, username: str, key: bytes, *, integrity: int = MESSAGE_INTEGRITY, extra: bytes = b""
) -> bytes:
    """A Binding request as a client sends it, without FINGERPRINT; ``extra`` are attributes to put after USERNAME.

    ``transaction``: 12 bytes, never used before on this leg.
    """
    bare = Message(BINDING_REQUEST, transaction, {}, {}, [])
    return _seal(BINDING_REQUEST, bare, _attribute(USERNAME, username.encode()) + extra, integrity, key)


def xor_address(address: Address, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (RFC 8489, chapter 14.2); IPv4-mapped IPv6 is made plain IPv4."""
    host, port = names.plain_ip(address[0]), address[1]
    family, packed = (2, inet_pton(AF_INET6, host)) if ":" in host else (1, inet_pton(AF_INET, host))
    mask = int.from_bytes((COOKIE + transaction)[: len(packed)], "big")
    hidden = (int.from_bytes(packed, "big") ^ mask).to_bytes(len(packed), "big")
    return _pack(family, port ^ 0x2112) + hidden


def _seal(kind: int, request: Message, body: bytes, integrity: int, key: bytes) -> bytes:
    """Header, body, integrity, and FINGERPRINT if the request had one: so no answer outgrows its request by that."""
    start = _pack(kind, len(body)) + COOKIE + request.transaction + body
    digest, size = DIGESTS[integrity]
    message = start + _attribute(integrity, _digest(start, key, digest, size))
    message = _with_length(message, len(message))
    if FINGERPRINT in request.attributes:
        message = _with_length(message, len(message) + 8)
        message += _attribute(FINGERPRINT, _fingerprint(message))
    return message


def _attribute(name: int, value: bytes) -> bytes:
    return _pack(name, len(value)) + value + bytes(-len(value) % 4)


def _digest(start: bytes, key: bytes, digest: str, size: int) -> bytes:
    """HMAC over what precedes the attribute, as if the message ended with it (RFC 8489, chapter 14.5)."""
    return hmac.digest(key, _with_length(start, len(start) + 4 + size), digest)


def _fingerprint(start: bytes) -> bytes:
    """The value of a FINGERPRINT that follows ``start``, whose header counts it already (RFC 8489, chapter 14.7)."""
    return (crc32(start) ^ FINGERPRINT_XOR).to_bytes(4, "big")


def _with_length(message: bytes, end: int) -> bytes:
    return message[:2] + (end - HEADER).to_bytes(2, "big") + message[4:]
