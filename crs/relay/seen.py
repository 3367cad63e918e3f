"""Which transaction ids a leg has seen, in a few bytes each: a Bloom filter that grows with the call.

A filter never forgets, and takes a new id for an old one now and then (1 in 40 after a day of two a second): its owner
must bear that.
"""

FIRST = 10  # log2 of the bits of the first filter: 128 bytes serve the first 64 ids
LAST = 23  # ... of the last: 1 MiB, half a million ids; then it just gets fuller
BITS_PER_ID = 16


class Seen:
    """The ids used on one leg. ``hash`` of bytes is keyed per process, so nobody outside can choose collisions."""

    __slots__ = ("_filters", "_room", "_size")

    def __init__(self) -> None:
        self._filters: list[tuple[int, bytearray]] = []  # (mask, bits)
        self._size = FIRST
        self._room = 0  # ids until the next filter is due

    def add(self, transaction: bytes) -> bool:
        """Remember ``transaction``; returns whether it was new."""
        first = hash(transaction) & 0xFFFFFFFFFFFFFFFF
        step = first >> 32 | 1
        probes = tuple(first + turn * step for turn in range(4))
        if any(_holds(bits, mask, probes) for mask, bits in self._filters):
            return False
        if not self._room and self._size <= LAST:
            self._grow()
        self._room -= self._room > 0
        mask, bits = self._filters[-1]
        for probe in probes:
            probe &= mask
            bits[probe >> 3] |= 1 << (probe & 7)
        return True

    def _grow(self) -> None:
        bits = 1 << self._size
        self._filters.append((bits - 1, bytearray(bits >> 3)))
        self._room = bits // BITS_PER_ID
        self._size += 1


def _holds(bits: bytearray, mask: int, probes: tuple[int, ...]) -> bool:
    for probe in probes:
        probe &= mask
        if not bits[probe >> 3] >> (probe & 7) & 1:
            return False
    return True
