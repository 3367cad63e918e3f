"""Files that a remote admin sends in parts: kept for an hour, one for each admin, until all of it is there.

Their content is opaque here: whoever made a file has protected it.
"""

from . import schema
from .commands import Commands

KEPT = 3_600_000  # ms since the last part


class Uploads:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, low: Commands):
        self._low = low

    def put(self, admin: str, id: str, number: int, part: str) -> None:
        """Keep a part; may be repeated. A file with another ``id`` takes the place of the file before."""
        self._low.script("upload", (schema.upload(admin),), (id, number, part, KEPT))

    def whole(self, admin: str, id: str, parts: int) -> tuple[bytes, list[int]]:
        """The file, if all its ``parts`` (numbered from 0) are here; else nothing, and the numbers of missing parts."""
        held, *found = self._low.call("HMGET", schema.upload(admin), "id", *range(parts))
        if (held or b"").decode() != id:
            return b"", list(range(parts))
        missing = [number for number, part in enumerate(found) if part is None]
        return (b"", missing) if missing else (b"".join(found), [])

    def forget(self, admin: str) -> None:
        """Delete what an admin sent."""
        self._low.call("UNLINK", schema.upload(admin))
