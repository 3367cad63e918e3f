"""Counters of this host for the metrics: they only grow, and outlive the workers that count.

Each worker adds what it counted every few seconds; what it counted since then is lost with it. What the figures mean
stands in ``crs.telemetry.metrics``.
"""

from collections.abc import Mapping

from . import schema
from .commands import Commands, pairs


class Figures:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, high: Commands):
        self._high = high

    def add(self, counted: Mapping[str, int]) -> None:
        """Add to some counters."""
        self._high.all([("HINCRBY", schema.figures(), name, count) for name, count in counted.items()])

    def read(self) -> dict[str, int]:
        """All counters that are not 0."""
        return {name.decode(): int(count) for name, count in pairs(self._high.call("HGETALL", schema.figures()))}

    def attached(self, host: str) -> int:
        """How many devices the workers of a host have put into the directory."""
        return int(self._high.call("HLEN", schema.attached(host)))
