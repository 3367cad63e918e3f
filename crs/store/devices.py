"""The secondary devices of a client: each has a mailbox copy of its own, until it is not seen for some weeks.

The primary is not listed: its box belongs to the client. Who is registered now is in ``directory``.
"""

from collections.abc import Iterable, Iterator

from .. import names
from ..errors import Busy, Conflict
from ..names import Client
from . import schema
from .commands import Commands
from .due import DueList, rounded
from .items import MESSAGE, PRIMARY, bucket
from .resp import Command

MAX_SECONDARIES = 4  # design, chapter 3


class Devices:
    """``expiry_ms``: how long a secondary may stay away before it is forgotten, with its copy of the mailbox."""

    def __init__(self, low: Commands, expiry_ms: int):
        self._low = low
        self._expiry = expiry_ms
        self._due = DueList(low, schema.DEVICES_DUE)

    def seen(self, client: Client, device: str, type: str, now: int) -> None:
        """Note that a device registered. A new secondary gets the messages posted from now on; a secondary that has
        become the primary gives up its own copy.

        Raises Busy when there are four other secondaries, Conflict for a secondary named like the primary's box.
        """
        if type == "primary":
            self._forget(client, device, now)
            return
        if device == PRIMARY:
            raise Conflict(f"a secondary device cannot have the id {PRIMARY!r}")
        _, taken = self._low.all(
            (
                self._look(client, device, now + self._expiry),
                self._low.evalsha("join", (schema.devices(client),), (device, now, MAX_SECONDARIES)),
            )
        )
        if not taken:
            raise Busy(f"{client.uri} has {MAX_SECONDARIES} other secondary devices")

    def forget(self, client: Client, device: str, now: int) -> bool:
        """Forget a secondary that was not seen for the whole expiry; returns whether it is gone by this."""
        return self._forget(client, device, now - self._expiry) == 1

    def due(self, buckets: Iterable[int], now: int, limit: int) -> Iterator[tuple[Client, str]]:
        """Devices that may have been away too long, as (client, device): the caller says ``seen`` or ``forget``."""
        for name, _ in self._due.walk(buckets, now, limit):
            device, _, rest = name.partition(" ")
            client = names.client(rest)
            yield client, device
            last = self._low.call("HGET", schema.devices(client), device)
            if last is not None:
                self._low.call(*self._look(client, device, max(int(last) + self._expiry, now + 1)))

    def _look(self, client: Client, device: str, at: int) -> Command:
        return self._due.entry(bucket(client), f"{device} {client}", rounded(at, self._expiry))

    def _forget(self, client: Client, device: str, limit: int) -> int:
        answer = self._low.script(
            "forget",
            (schema.mail(client), schema.ledger(client), schema.devices(client)),
            (schema.box(client, ""), MESSAGE, device, limit),
        )
        return int(answer)
