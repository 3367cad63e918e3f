"""TLS-PSK identities and keys: from a month key and a URI to what goes into the handshake, and back.

Pure functions. TLS itself is in ``net.tls``, the loaded months and accounts in ``service.accounts``. Byte by byte in
``doc/update-file.md``.
"""

import base64
import functools
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crs import names
from crs.trust.fields import b64, check_uri, unb64

MAX_IDENTITY = 128  # bytes: the oldest PSK callback's limit
_SIV_TAG = 16  # RFC 5297
_MAX_SEALED = _SIV_TAG + names.MAX_URI


class ParsedIdentity(NamedTuple):
    """A client's identity, taken apart; nothing in it is proven until the handshake succeeds."""

    kind: str  # "c": a client
    account: str
    month: str
    sealed: bytes  # AES-SIV(uri)


def hkdf(key: bytes, info: str, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt; ``info`` is used as UTF-8. Returns ``length`` bytes."""
    return HKDF(hashes.SHA256(), length, None, info.encode()).derive(key)


def psk(key: bytes, identity: str) -> bytes:
    """The 32-byte TLS key that belongs to ``identity``: derived from the month key for a client, from the shared
    secret for a pool or inter-working link, so that a key is good for one name (and direction) only."""
    return hkdf(key, identity)


def admin_key(secret: str) -> bytes:
    """The TLS key of a remote admin: the bytes of its secret, which is base64 of at least 16 (manual, create admin);
    of one that is not, its text."""
    try:
        key = base64.b64decode(secret, validate=True)
    except ValueError:
        key = b""
    return key if len(key) >= 16 else secret.encode()


def parse_admin(identity: str) -> str | None:
    """The name in an admin's identity ``a.<name>``, or None if it is not one."""
    kind, _, name = identity.partition(".")
    try:
        return names.account(name) if kind == "a" else None  # the same characters, the same length
    except ValueError:
        return None


def client_identity(account: str, month: str, uri: str, month_key: bytes) -> str:
    """``c.<account>.<yyyymm>.<base64url(AES-SIV(uri))>``, at most 128 characters.

    The URI must be in its normal form. Nobody without the month key can tell whose identity it is, or that two
    months' identities belong together. Raises ValueError for an invalid account, month or URI.
    """
    names.account(account)
    names.month(month)
    check_uri(uri)
    return f"c.{account}.{month}.{b64(_siv(month_key).encrypt(uri.encode(), _bound(account, month)))}"


def parse_identity(identity: str) -> ParsedIdentity | None:
    """Take a client's identity apart, or None if it is not one (in the one spelling that it has)."""
    if len(identity) > MAX_IDENTITY:
        return None
    try:
        kind, account, month, sealed = identity.split(".")
        parsed = ParsedIdentity(kind, names.account(account), names.month(month), unb64(sealed))
    except ValueError:
        return None
    return parsed if kind == "c" and _SIV_TAG < len(parsed.sealed) <= _MAX_SEALED else None


def open_uri(month_key: bytes, parsed: ParsedIdentity) -> str | None:
    """The URI that ``parsed`` was made for, or None if this month key did not make it."""
    try:
        uri = _siv(month_key).decrypt(parsed.sealed, _bound(parsed.account, parsed.month)).decode()
        check_uri(uri)
    except (InvalidTag, ValueError):
        return None
    return uri


@functools.lru_cache(maxsize=256)  # for the loaded months: every attach needs one
def _siv(month_key: bytes) -> AESSIV:
    return AESSIV(hkdf(month_key, "identity", 64))


def _bound(account: str, month: str) -> list[bytes]:
    return [account.encode(), month.encode()]
