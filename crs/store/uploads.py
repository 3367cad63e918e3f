"""Files that a remote admin sends in parts: kept for an hour, one for each admin, until all of it is there.

Never here: what is in them. They are protected by whoever made them.
"""

from . import schema
from .commands import Commands

KEPT = 3_600_000  # ms since the last part


class Uploads:
    """Every method raises Unavailable where Redis did not do it for certain."""

    def __init__(self, low: Commands):
        self._low = low

    def put(self, admin: str, id: str, number: int, part: str) -> None:
        """Keep a part; again it does no harm. A file with another ``id`` takes the place of the one before."""
        self._low.script("upload", (schema.upload(admin),), (id, number, part, KEPT))

    def whole(self, admin: str, id: str, parts: int) -> tuple[bytes, list[int]]:
        """The file, if all its ``parts`` (numbered from 0) are here, else nothing and the numbers of those missing."""
        held, *found = self._low.call("HMGET", schema.upload(admin), "id", *range(parts))
        if (held or b"").decode() != id:
            return b"", list(range(parts))
        missing = [number for number, part in enumerate(found) if part is None]
        return (b"", missing) if missing else (b"".join(found), [])

    def forget(self, admin: str) -> None:
        """Let go of what an admin sent."""
        self._low.call("UNLINK", schema.upload(admin))
