"""Lists of deadlines in Redis, walked by the worker that owns the slots: no deadline exists in a process alone.

An entry is (time, name): removing an entry never removes that of a later time, and two writers need not agree on
anything. Times are rounded up, so that a name has few entries.
"""

from collections.abc import Iterable, Iterator

from . import schema
from .commands import Commands


def rounded(at: int, life: int) -> int:
    """``at`` rounded up to a power of two that is at most 1/16 of ``life`` (both ms): at most 1/16 of a life late."""
    grain = 1 << max(0, (life // 16).bit_length() - 1)
    return -(-at // grain) * grain


class DueList:
    """The entries of one kind, in all buckets."""

    def __init__(self, redis: Commands, kind: str):
        self._redis = redis
        self._kind = kind

    def entry(self, bucket: int, name: str, at: int) -> tuple[str, str, int, str]:
        """The command that adds an entry; to be sent before, or in front of, the change it stands for."""
        return "ZADD", schema.due(self._kind, bucket), at, f"{at} {name}"

    def walk(self, buckets: Iterable[int], now: int, limit: int) -> Iterator[tuple[str, int]]:
        """The entries whose time has come, as (name, bucket); at most ``limit`` of each bucket.

        An entry is removed when the caller asks for the next: a caller that fails in between finds it again.
        """
        buckets = list(buckets)
        found = self._redis.all(
            [("ZRANGEBYSCORE", schema.due(self._kind, bucket), "-inf", now, "LIMIT", 0, limit) for bucket in buckets]
        )
        for bucket, members in zip(buckets, found, strict=True):
            for member in members:
                yield member.decode().partition(" ")[2], bucket
                self._redis.call("ZREM", schema.due(self._kind, bucket), member)
