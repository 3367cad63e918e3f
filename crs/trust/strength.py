"""An upper bound on the strength of a secret, in bits."""

import math
import string

ENOUGH = 128  # bits (manual, chapter 5.4, create sharedSecret)

# The sets that people and programs choose from, the smallest first, and the bits of one character.
_SETS = (
    (set(string.digits), math.log2(10)),
    (set("0123456789abcdef"), 4.0),
    (set("0123456789ABCDEF"), 4.0),
    (set(string.ascii_letters + string.digits + "+/-_="), 6.0),
    (set(string.printable), math.log2(95)),
)
_FEW = 8  # different characters: with fewer, a secret repeats itself


def bits(secret: str) -> int:
    """An upper bound: that of a random text of this length and alphabet. Padding of base64 counts for nothing."""
    text = secret.rstrip("=")
    used = set(text)
    each = next((bits for known, bits in _SETS if used <= known), 8.0)
    if len(used) < _FEW:
        each = min(each, math.log2(len(used) or 1))
    return int(len(text) * each)


def weak(secret: str) -> bool:
    return bits(secret) < ENOUGH
