"""Actions about statistics of clients: stats clear, stats export (manual, chapter 5.4).

The workers count, while statistics are enabled for the account.
"""

import sys
from collections.abc import Iterator

from ..store.statistics import COLUMNS
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable, Row, counted
from .progress import Progress


def export(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``stats export``: separated by tabs on a terminal, too."""
    return ResultTable(COLUMNS, _rows(host, known.account(host, arguments)), tabs=True)


def _rows(host: LocalHost, account: str) -> Iterator[Row]:
    with Progress("clients written") as progress:
        for count, row in enumerate(host.store.statistics.export(account, host.now()), 1):
            yield row.uri, *row.counts, *row.states
            if not sys.stdout.isatty():  # there the rows themselves show how far it is
                progress.at(count)


def clear(host: LocalHost, arguments: Arguments) -> Line:
    """``stats clear``."""
    account = known.account(host, arguments)
    count = host.store.statistics.clear(account)
    return Line(
        f"statistics of {counted(count, 'client')} of account {account} cleared", {"account": account, "clients": count}
    )
