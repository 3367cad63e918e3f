"""What a worker keeps in order beside its clients: the ledgers, abandoned test clients, figures for the metrics.

Never here: anything that a client waits for.
"""

import gevent

from .. import log
from ..errors import Unavailable
from ..handlers import session
from ..service.worker import Worker
from ..store.conservation import Sheet

LOG = log.get("attach")
COMPARE = 60_000  # ms between two comparisons of the ledgers, while the accounts are the same
TIDY = 5  # seconds between two looks at the books


class Bookkeeping:
    """The books of one worker; ``buckets`` are the slots that it owns."""

    def __init__(self, worker: Worker, buckets: range):
        self.worker = worker
        self.buckets = buckets
        self._compared = (0, frozenset())  # when, and which accounts
        self._door = None
        self._told: dict[str, int] = {}  # account -> the difference that was logged last

    def tidy(self) -> None:
        """Do what is due."""
        self.add_figures()
        self.erase_abandoned()
        then, accounts = self._compared
        if abs(self.worker.clock() - then) >= COMPARE or accounts != self.worker.accounts.months.keys():
            self.compare_ledgers()

    def add_figures(self) -> None:
        """Add what was counted here to the counters of the host."""
        counted = self.worker.figures.take()
        try:
            self.worker.store.figures.add(counted)
        except Unavailable:
            self.worker.figures.give_back(counted)
            raise

    def open_metrics(self) -> None:
        """Serve the metrics, once, where ``metrics-port`` says so. Raises OSError where the port is taken."""
        if self._door is None and self.worker.index == 0 and self.worker.conf.metrics_port:
            from ..telemetry.metrics import serve

            self._door = serve(self.worker)

    def compare_ledgers(self) -> None:
        """Compare what came into the mailboxes with what left them and what they hold; log each new difference."""
        worker = self.worker
        sheets = {account: Sheet() for account in worker.accounts.months}
        for clients in worker.store.conservation.clients(self.buckets):
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
        worker, now = self.worker, self.worker.clock()
        for client in worker.store.probes.abandoned(now):
            sessions = worker.store.calls.calls_of(client)
            session.end_all(worker, client, "lost", now)
            worker.store.probes.erase([client], sessions)
            LOG.info("a test client of a health check that was broken off is erased")


def _kind(difference: int) -> str:
    return "are lost" if difference > 0 else "are there that nobody posted"
