"""Readers: from the text of one argument or option to its value. They raise ValueError that says what would be right.

Readers of names (accounts, URIs) are those of ``crs.names``. Nothing is looked up here, and a secret is never repeated
in an error.
"""

import re
from collections.abc import Callable, Iterable

FROM_INPUT = "-"  # in the place of a secret: read it from standard input
MAX_COMMENT = 200  # characters

_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")
_ROOM = re.compile(r"[0-9]{6}")
_PLAIN_SECRET = re.compile(r"[A-Za-z0-9]{1,2048}")


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``lowest`` to ``highest``."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
            raise ValueError(f"{text!r:.40} is not valid: a whole number from {lowest} to {highest}")
        return int(text)

    return read


def tag(text: str) -> str:
    """A tag of the log, also with the account that stands behind it there."""
    from ..telemetry.tags import taken_apart

    bare = text.partition("@")[0]
    taken_apart(bare)
    return bare


def choice(what: str, words: Iterable[str]) -> Callable[[str], str]:
    """A reader of one of ``words``; a mistyped one is answered with the nearest."""
    known = list(words)

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"{what} {text!r:.40} is not known; {nearest(text, known)}")
        return text

    return read


def nearest(word: str, known: Iterable[str]) -> str:
    """What to try instead of ``word``."""
    import difflib

    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1)
    return f"did you mean {lowered[near[0]]}?" if near else f"one of: {', '.join(lowered.values())}"


def admin(text: str) -> str:
    """The name of an admin (manual, chapter 5.4, create admin)."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"admin name {text!r:.40} is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'")
    return text


def room(text: str) -> str:
    """The number of a conference room."""
    if not _ROOM.fullmatch(text):
        raise ValueError(f"room {text!r:.40} is not valid: 6 digits, such as 123456")
    return text


def address(text: str) -> str:
    """The IP address of one host, IPv4 or IPv6, in its usual form (RFC 5952)."""
    from .. import names

    try:
        found = names.ip(text)
    except ValueError:
        found = None
    if found is None or found.is_unspecified or found.is_multicast or getattr(found, "scope_id", None):
        raise ValueError(f"IP {text!r:.60} is not valid: the address of a host, such as 192.168.1.2 or 2001:db8::1")
    return str(found)


def plain_secret(text: str) -> str:
    """The secret shared with a peer; FROM_INPUT passes, what is read then comes here again."""
    if text != FROM_INPUT and not _PLAIN_SECRET.fullmatch(text):
        raise ValueError("the shared secret is not valid: 1 to 2048 of a-z, A-Z, 0-9; '-' reads it from standard input")
    return text


def comment(text: str) -> str:
    if len(text) > MAX_COMMENT or not text.isprintable():
        raise ValueError(f"is not valid: at most {MAX_COMMENT} printable characters")
    return text
