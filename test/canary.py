"""Searches for secrets where there must be none: logs, outputs, command lines, and files that everybody may read.

What is secret is found where the product keeps it: configuration, accounts, credentials, the state of a CMS, and the
append-only files of Redis (bodies of messages and calls, passwords of relay legs). Reports name files, never secrets.
"""

import base64
import json
import re
from pathlib import Path

from crs.home.paths import Home

SHORTEST = 12  # bytes: what is shorter may stand somewhere by chance
KEYS = {"key", "secret", "month_key", "update_key", "d", "shared_secret", "password"}  # members of JSON files
_LINES = re.compile(rb"^(?:key|shared-secret)\s+(\S+)", re.MULTILINE)
_BODIES = re.compile(rb'\["(?:content|system)",[^\n]*\]\n([^\r\n]+)')
_OFFERS = re.compile(rb"\r\n(?:offer|answer)\r\n\$\d+\r\n([^\r\n]+)")
_LEGS = re.compile(rb'\["[A-Za-z0-9]{20}","([A-Za-z0-9]{24})"\]')


def forms(secret: bytes) -> set[bytes]:
    """How a secret may be written: raw, as Python shows bytes, hexadecimal, base64, base64url."""
    found = {
        secret,
        repr(secret)[2:-1].encode(),
        secret.hex().encode(),
        secret.hex().upper().encode(),
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
    }
    return {form for form in found if len(form) >= SHORTEST}


def secrets_of(place: Path) -> set[bytes]:
    """Every secret kept below ``place``, in all its forms."""
    found = set()
    for path in filter(Path.is_file, place.rglob("*")):
        if path.suffix in (".json", ".upd"):
            found |= _members(path)
        elif path.suffix == ".conf":
            found |= {match for match in _LINES.findall(path.read_bytes()) if not match.startswith(b"<")}
        elif path.suffix == ".aof":
            content = path.read_bytes()
            found |= {match for kind in (_BODIES, _OFFERS, _LEGS) for match in kind.findall(content)}
    return {form for secret in found for form in forms(secret)}


def _members(path: Path) -> set[bytes]:
    try:
        waiting, found = [json.loads(path.read_bytes())], set()
    except ValueError:
        return set()
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        named = value.items() if isinstance(value, dict) else ()
        for text in (text for name, text in named if name in KEYS and isinstance(text, str)):
            found.add(text.encode())
            if re.fullmatch(r"[A-Za-z0-9+/_-]{43}=?", text):
                plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
                found.add(base64.b64decode(plain + "="))
        if isinstance(value, dict) and isinstance(value.get("clients"), dict):  # of a CMS, of an update
            found |= {text.encode() for text in value["clients"].values() if isinstance(text, str)}
    return found


def public_places(home: Home) -> list[Path]:
    """The files that must hold no secret: logs, output (``*.out`` beside the home), and what all users may read."""
    below = [path for path in home.root.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in below if path.is_relative_to(home.log) or path.stat().st_mode & 0o004] + sorted(
        home.root.parent.glob("*.out")
    )


def leaks(place: Path, more: set[bytes] = frozenset()) -> list[str]:
    """The files, of all homes below ``place``, that hold a secret of that home (or one of ``more``)."""
    found = []
    for root in homes(place):
        needles = secrets_of(root.parent) | more
        heads: dict[bytes, list[bytes]] = {}
        for needle in needles:
            heads.setdefault(needle[:SHORTEST], []).append(needle)
        found += [str(path) for path in public_places(Home(root)) if holds(path.read_bytes(), heads)]
    return found


def homes(place: Path) -> list[Path]:
    """The directories below ``place`` that a host ran in."""
    ran = {log.parent.parent for log in place.rglob("log/crs*.log")}
    return sorted(root for root in ran if (root / "crs.conf").exists())


def holds(content: bytes, heads: dict[bytes, list[bytes]]) -> bool:
    """Whether one of the needles (by their first bytes) stands in ``content``; the time does not grow with them."""
    return any(
        content.startswith(needle, at)
        for at in range(len(content) - SHORTEST + 1)
        for needle in heads.get(content[at : at + SHORTEST], ())
    )
