"""What a worker keeps in order beside its clients: the ledgers, abandoned test clients, figures for the metrics."""

from collections.abc import Collection

import gevent

from .. import log
from ..errors import Unavailable
from ..service.worker import Worker
from ..store.conservation import Sheet

LOG = log.get("attach")
COMPARE = 60_000  # ms between two comparisons of the ledgers, while the accounts are the same
TIDY = 5  # seconds between two looks at the books


class Bookkeeping:
    """The books of one worker; ``buckets`` are the slots that it owns."""

    def __init__(self, worker: Worker, buckets: Collection[int]):
        self._worker = worker
        self._buckets = buckets
        self._compared: tuple[int, frozenset[str]] = (0, frozenset())  # when, and which accounts
        self._metrics: object | None = None  # the server, while there is one
        self._told: dict[str, int] = {}  # account -> the difference that was logged last

    def tidy(self) -> None:
        """Do what is due."""
        self.add_figures()
        self.erase_abandoned()
        then, accounts = self._compared
        if abs(self._worker.clock() - then) >= COMPARE or accounts != self._worker.accounts.months.keys():
            self.compare_ledgers()

    def add_figures(self) -> None:
        """Add what was counted here to the counters of the host."""
        counted = self._worker.events.figures.take()
        try:
            self._worker.store.figures.add(counted)
        except Unavailable:
            self._worker.events.figures.give_back(counted)
            raise

    def open_metrics(self) -> None:
        """Serve the metrics, once, where ``metrics-port`` says so. Raises OSError where the port is taken."""
        worker = self._worker
        if self._metrics is None and worker.index == 0 and worker.conf.metrics_port:
            from ..telemetry.exporter import serve  # an HTTP server: only the worker that serves has it in memory
            from ..telemetry.metrics import Sources

            self._metrics = serve(Sources(worker.conf, worker.store, worker.relay, worker.clock))

    def compare_ledgers(self) -> None:
        """Compare what came into the mailboxes with what left them and what they hold; log each new difference."""
        worker = self._worker
        sheets = {account: Sheet() for account in worker.accounts.months}
        for clients in worker.store.conservation.clients(self._buckets):
            for client, sheet in worker.store.conservation.weigh(clients):
                if client.account in sheets:  # else it is being deleted
                    sheets[client.account] += sheet
            gevent.sleep(0)
        worker.store.conservation.report(worker.name, sheets, worker.clock())
        differences = {account: sheet.difference for account, sheet in sheets.items() if sheet.difference}
        for account, difference in differences.items():
            if self._told.get(account) != difference:
                LOG.warn(f"ledger of account {account}: {abs(difference)} messages {_kind(difference)}")
        for account in self._told.keys() - differences.keys():
            LOG.info(f"ledger of account {account}: agrees again")
        self._told = differences
        self._compared = worker.clock(), frozenset(sheets)

    def erase_abandoned(self) -> None:
        """Erase the test clients of a health check that was killed, with the calls they were in."""
        worker, now = self._worker, self._worker.clock()
        for client in worker.store.probes.abandoned(now):
            calls = worker.calls.records.calls_of(client)
            worker.calls.end_all(client, "lost", now)
            worker.store.probes.erase([client], calls)
            LOG.info("a test client of a health check that was broken off is erased")


def _kind(difference: int) -> str:
    return "are lost" if difference > 0 else "are there that nobody posted"
