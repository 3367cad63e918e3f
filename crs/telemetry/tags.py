"""Tags in the place of clients' names in the log, where ``log-identities`` is no: keyed, and new ones every month.

    id-<yyyymm>-<base32>       a number or URI: AES-SIV (RFC 5297) under the month's key, so the host can open it again
    token-<yyyymm>-<base32>    a token: HMAC-SHA256, so the host knows it again among the tokens that it holds

Without the key nobody can tell whose tag it is, nor which tags of two months belong together. The key is made at the
first start, lies in ``data/log-key`` (0600), and is in every backup. What is logged: ``log``.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import names
from ..errors import OperatorFault
from ..home import files
from ..home.paths import Home

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 32
_DIGEST_BYTES = 10
_TAG = re.compile(r"(id|token)-(20[0-9]{2}(?:0[1-9]|1[0-2]))-([a-z2-7]+)")

# What a client is called, wherever in a text, also percent-encoded; and what may be a token: JOSE or long random text.
_HIDDEN = re.compile(
    r"(?P<uri>urn:x-crs:client:[A-Za-z0-9._-]{1,40}|(?:\+|%2B)[1-9][0-9]{2,14}(?![0-9]))"
    r"|(?P<token>eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}|[A-Za-z0-9_:-]{64,})",
    re.IGNORECASE,
)


class Tags:
    """``month()`` tells the month (``yyyymm``) whose tags are given now."""

    def __init__(self, key: bytes, month: Callable[[], str]):
        self._key, self._month = key, month

    def hide(self, text: str) -> str:
        """The text with a tag for each identity in it."""
        return _HIDDEN.sub(self._tag, text)

    def token(self, text: str, month: str) -> str:
        """The tag of a token in a month."""
        digest = hmac.digest(self._of(month), text.encode(), hashlib.sha256)
        return f"token-{month}-{_base32(digest[:_DIGEST_BYTES])}"

    def uri(self, text: str, month: str) -> str:
        """The tag of a number or URI in a month."""
        return f"id-{month}-{_base32(self._cipher(month).encrypt(text.encode(), None))}"

    def open(self, tag: str) -> str:
        """The number or URI behind a tag ``id-…``. Raises ValueError where this host did not give it."""
        from cryptography.exceptions import InvalidTag

        _, month, sealed = taken_apart(tag)
        try:
            octets = base64.b32decode(sealed.upper() + "=" * (-len(sealed) % 8))
            return self._cipher(month).decrypt(octets, None).decode()
        except (ValueError, InvalidTag):
            raise ValueError(f"{tag} is no tag of this host") from None

    def _tag(self, match: re.Match[str]) -> str:
        if match["token"]:
            return self.token(match["token"], self._month())
        found = match["uri"].replace("%2B", "+").replace("%2b", "+")
        try:
            return self.uri(names.uri(found), self._month())
        except ValueError:  # too long to be one; nobody has to find it again
            return self.token(found, self._month())

    def _of(self, month: str) -> bytes:
        return hmac.digest(self._key, f"log-tags {month}".encode(), hashlib.sha256)

    def _cipher(self, month: str) -> "AESSIV":
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # here: most processes never log an identity

        return AESSIV(self._of(month))


def taken_apart(tag: str) -> tuple[str, str, str]:
    """Kind (``id``, ``token``), month and the rest of a tag. Raises ValueError if it is none."""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ValueError(f"{tag!r:.60} is no tag; crs.log has such as id-202611-… and token-202611-…")
    kind, month, rest = match.groups()
    return kind, month, rest


def make_key(home: Home) -> None:
    """Have a key in this home. Raises OperatorFault."""
    if not home.log_key.exists():
        files.write(home.log_key, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")


def key(home: Home) -> bytes:
    """The key of this home. Raises OperatorFault where there is none, or it is open to others."""
    try:
        found = base64.b64decode(files.read(home.log_key, 1000), validate=False)
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise OperatorFault(
            f"{home.log_key} holds no key; remove it: a new one is made when the host starts, and the "
            "tags that the log has by now can no longer be told"
        )
    return found


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
