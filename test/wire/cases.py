"""Reads ``frames/{valid,invalid}/*.txt``: what a client sends after the upgrade, and what must come of it.

A line is one of: ``# what it shows`` · ``> hex`` bytes sent (lines are joined; ``61*126`` repeats a byte) · ``< hex``
the next bytes answered · ``message <Python string>`` the next message received · ``closed <code> <reason>`` how the
connection ends.
"""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "frames"


class FrameCase(NamedTuple):
    sent: bytes
    answered: bytes
    messages: list[bytes]
    closed: tuple[int, str] | None


def names() -> list[str]:
    found = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("*/*.txt"))
    assert found
    return found


def read(name: str) -> FrameCase:
    sent, answered, messages, closed = b"", b"", [], None
    for line in (FOLDER / name).with_suffix(".txt").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == ">":
            sent += _bytes(rest)
        elif word == "<":
            answered += _bytes(rest)
        elif word == "message":
            messages.append(_string(rest).encode())
        elif word == "closed":
            code, _, reason = rest.partition(" ")
            closed = int(code), reason
        else:
            assert word == "#", line
    return FrameCase(sent, answered, messages, closed)


def _bytes(text: str) -> bytes:
    parts = (part.partition("*") for part in text.split())
    return b"".join(bytes.fromhex(byte) * int(count or 1) for byte, _, count in parts)


def _string(text: str) -> str:
    return eval(text, {"__builtins__": {}})  # "a"*126
