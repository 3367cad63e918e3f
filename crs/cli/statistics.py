"""Actions about statistics of clients: stats clear, stats export (manual, chapter 5.4).

Never here: counting (the workers count, while statistics are enabled for the account).
"""

from ..store.statistics import COLUMNS
from . import known
from .output import Line, Table, counted
from .progress import Progress


def export(host, arguments) -> Table:
    """``stats export``: separated by tabs on a terminal, too."""
    account, rows = known.account(host, arguments), []
    with Progress("clients read") as progress:
        for row in host.store.statistics.export(account, host.now()):
            rows.append((row.uri, *row.counts, *row.states))
            progress.at(len(rows))
    return Table(COLUMNS, rows, tabs=True)


def clear(host, arguments) -> Line:
    """``stats clear``."""
    account = known.account(host, arguments)
    count = host.store.statistics.clear(account)
    return Line(f"statistics of {counted(count, 'client')} of account {account} cleared",
                {"account": account, "clients": count})
