"""Actions about the media relay: its counters, its conversations (manual, chapter 5.4, show relay, show relays)."""

from .actions import Arguments
from .host import LocalHost
from .output import ResultTable, Sections, Utc


def statistics(host: LocalHost, arguments: Arguments) -> Sections:
    """``show relay``: counters since the relay started, first by type of relay, then all that was sent and received."""
    return Sections(host.relay.stats())


def relays(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show relays``: one row for each conversation that the relay holds."""
    rows = (
        (row["type"], row["nodes"], Utc(row["last_active"]), row["identifiers"], row["conversation"])
        for row in host.relay.rows()
    )
    return ResultTable(("TYPE", "NODES", "LAST ACTIVE", "IDENTIFIERS"), rows, details=("conversation",))
