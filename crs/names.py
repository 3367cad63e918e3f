"""Names: accounts, URIs, clients, months, processes. Pure functions from text to value; nothing is looked up here.

A *client* is ``(uri, account)``, written ``uri@account``. Two clients are the same when both parts are.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

MAX_URI = 57  # bytes: keeps a PSK identity within 128 bytes (design: names, keys and TLS)
MAX_ACCOUNT = 20  # manual, chapter 5

_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,20}")
_NUMBER = re.compile(r"\+[1-9][0-9]{2,14}")  # E.164: at most 15 digits
_URN = re.compile(r"urn:x-crs:client:[A-Za-z0-9._-]{1,40}")
_SEPARATORS = str.maketrans("", "", " -.()\u00a0")  # RFC 3966, visual separators
_MONTH = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])")


class Client(NamedTuple):
    """One client: a normalised URI and the account it belongs to."""

    uri: str
    account: str

    def __str__(self) -> str:
        return f"{self.uri}@{self.account}"


def account(text: str) -> str:
    """Return ``text`` if it is a valid account id (manual, chapter 5), raise ValueError otherwise."""
    if not isinstance(text, str) or not _ACCOUNT.fullmatch(text):
        raise ValueError(f"account id {text!r} is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'")
    return text


def uri(text: str) -> str:
    """Normalise a URI: an E.164 number (``tel:`` and visual separators are removed) or ``urn:x-crs:client:<name>``.

    Raises ValueError with what would be right.
    """
    if isinstance(text, str) and len(text) <= 4 * MAX_URI:
        if text[:4].lower() == "urn:":
            urn = "urn:x-crs:client:" + text[17:] if text[:17].lower() == "urn:x-crs:client:" else text
            if _URN.fullmatch(urn) and len(urn) <= MAX_URI:
                return urn
        else:
            bare = text[4:] if text[:4].lower() == "tel:" else text
            number = bare.translate(_SEPARATORS)
            if _NUMBER.fullmatch(number):
                return number
    raise ValueError(f"URI {text!r:.80} is not valid: a number such as +46701234567 or urn:x-crs:client:<name>")


def client(text: str) -> Client:
    """Parse ``uri@account``; raises ValueError."""
    left, at, right = text.rpartition("@")
    if not at:
        raise ValueError(f"client {text!r:.80} is not valid: write uri@account")
    return Client(uri(left), account(right))


def month(text: str) -> str:
    """Return ``text`` if it is a month written ``yyyymm``, raise ValueError otherwise."""
    if not isinstance(text, str) or not _MONTH.fullmatch(text):
        raise ValueError(f"month {text!r:.20} is not valid: write yyyymm, such as 202611")
    return text


def numbered(name: str, index: int | None) -> str:
    """The name of one of several processes, such as ``attach:0``; ``name`` alone where there is no index."""
    return name if index is None else f"{name}:{index}"


def ip(text: str) -> IPv4Address | IPv6Address:
    """An IP address; an IPv4-mapped one (``::ffff:192.0.2.1``) becomes IPv4. Raises ValueError."""
    found = ip_address(text)
    return getattr(found, "ipv4_mapped", None) or found


def plain_ip(text: str) -> str:
    """An IP address of a socket without its scope; an IPv4-mapped one (RFC 4291, 2.5.5.2) becomes IPv4."""
    text = text.partition("%")[0]
    return text[7:] if text.lower().startswith("::ffff:") and "." in text else text
