"""The folder ``stun``: packets a hostile or clumsy peer sends, each with the answer, or the cause of silence.

A file: comment lines (``#``), ``from <ip> <port>``, the packet in hex, then ``answer`` and the answer in hex, or
``dropped <cause>``. All go to LEGS, at a relay that has heard nothing before.
"""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "stun"
RFC5769 = ("evtj", "VOkJxbRl1RmTxUk/WvJxBt")  # chapter 2
NATIVE = ("Fv9Wq3kZ0aLm2xYt8uBc", "q7Jm1TzRk4YwX9bNcV2hLs6D")
LEGS = [RFC5769, NATIVE]
RELAYS = [("192.0.2.146", 146)]  # other relays of the pool


class StunCase(NamedTuple):
    source: tuple[str, int]
    packet: bytes
    answer: bytes | None
    cause: str | None


def names(kind: str) -> list[str]:
    """The cases of a kind: valid or invalid."""
    return sorted(f"{kind}/{path.stem}" for path in (FOLDER / kind).glob("*.txt"))


def load(name: str) -> StunCase:
    source, packet, answer, cause = None, "", None, None
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "from":
            ip, port = rest.split()
            source = (ip, int(port), 0, 0) if ":" in ip else (ip, int(port))
        elif word == "dropped":
            cause = rest
        elif word == "answer":
            answer = ""
        elif word != "#" and answer is None:
            packet += line
        elif word != "#":
            answer += line
    return StunCase(source, bytes.fromhex(packet), None if answer is None else bytes.fromhex(answer), cause)
