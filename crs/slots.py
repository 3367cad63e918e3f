"""Slots: which of 16384 a client falls into, which host is its home, which worker walks its deadlines.

Pure functions. No table of slots is kept or sent: all follows from the names of the live hosts and the number of
workers.
"""

import binascii
import hashlib
from collections.abc import Iterable

SLOTS = 16384  # as in Redis Cluster
BUCKETS = 64  # groups of neighbouring slots, the unit of timers and of work sharing
_BUCKET_SLOTS = SLOTS // BUCKETS


def slot(text: str) -> int:
    """The slot (0..16383) of a URI or of a key: CRC16 (XMODEM) mod 16384, of the part in braces where there is one.

    The function of Redis Cluster (its specification, "Key distribution model"), so a number means the same here, in
    ``crs-cli check slot`` and in a cluster.
    """
    opening = text.find("{")
    if opening >= 0:
        closing = text.find("}", opening + 1)
        if closing > opening + 1:
            text = text[opening + 1 : closing]
    return binascii.crc_hqx(text.encode(), 0) % SLOTS


def home(slot: int, hosts: Iterable[str]) -> str:
    """The home of a slot among the live hosts: the one with the highest random weight (rendezvous hashing).

    When a host goes, only its own slots move; when it returns, only they come back. ``hosts`` must not be empty.
    """

    def weight(host: str) -> tuple[bytes, str]:
        return hashlib.blake2b(f"{slot} {host}".encode(), digest_size=8).digest(), host

    return max(hosts, key=weight)


def bucket(slot: int) -> int:
    """The bucket (0..63) of a slot."""
    return slot // _BUCKET_SLOTS


def owner(slot: int, workers: int) -> int:
    """The index of the worker, of ``workers`` (1..64), that walks the deadlines of a slot."""
    return bucket(slot) * workers // BUCKETS


def buckets(index: int, workers: int) -> range:
    """The buckets of worker ``index``, of ``workers`` (1..64): those whose slots it is the owner of."""
    return range(-(-index * BUCKETS // workers), -(-(index + 1) * BUCKETS // workers))


def slots(index: int, workers: int) -> range:
    """The slots of worker ``index``, of ``workers`` (1..64): what ``show system`` lists."""
    own = buckets(index, workers)
    return range(own.start * _BUCKET_SLOTS, own.stop * _BUCKET_SLOTS)
