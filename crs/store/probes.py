"""The test clients of health checks, and how all that is kept for them is erased.

A health check renews a lease on its clients while it works. If it is killed the lease runs out, and a worker erases
what is left.
"""

from collections.abc import Iterable

from .. import names, slots
from ..names import Client
from . import schema
from .commands import Commands
from .items import PRIMARY

LEASE = 10_000  # ms


class Probes:
    """Every method raises Unavailable unless Redis has confirmed it; each may be repeated."""

    def __init__(self, high: Commands, low: Commands):
        self._high = high
        self._low = low

    def lease(self, clients: Iterable[Client], now: int) -> None:
        """These exist at ``now`` (ms), and for LEASE from then on."""
        self._low.call("ZADD", schema.probes(), *(part for client in clients for part in (now + LEASE, str(client))))

    def abandoned(self, now: int) -> list[Client]:
        """Test clients whose health check was killed."""
        found = self._low.call("ZRANGEBYSCORE", schema.probes(), "-inf", now)
        return [names.client(client.decode()) for client in found]

    def erase(self, clients: Iterable[Client], sessions: Iterable[str] = ()) -> None:
        """Delete all that is kept for test clients that are not attached any more, and their calls ``sessions``,
        which have ended; the lease goes last."""
        for client in clients:
            self._low.all(
                [("UNLINK", *schema.all_low(client, PRIMARY)), ("SREM", schema.observed(client.account), client.uri)]
            )
            for kind in (schema.MAIL_DUE, schema.DEVICES_DUE):
                self._forget_due(kind, client)
            self._high.call("UNLINK", *schema.all_high(client))
            self._low.call("ZREM", schema.probes(), str(client))
        for session in sessions:
            self._high.all(
                [
                    ("ZREM", schema.due(schema.CALLS_DUE, slots.bucket(slots.slot(session))), session),
                    ("UNLINK", schema.call(session)),
                ]
            )

    def _forget_due(self, kind: str, client: Client) -> None:
        """Take the entries ``<time> [<device id>] <client>`` off a due list."""
        where, cursor = schema.due(kind, slots.bucket(slots.slot(client.uri))), b"0"
        while True:
            cursor, flat = self._low.call("ZSCAN", where, cursor, "MATCH", f"* {client}", "COUNT", 1000)
            if flat:
                self._low.call("ZREM", where, *flat[::2])
            if cursor == b"0":
                return
