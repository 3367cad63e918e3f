"""The health of this host: its processes, stores, relay, ports, disk, links, and whether messages are conserved.

Works while the host is down, too: the tests then say so.
"""

import shutil
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from ..config.settings import Config
from ..daemon.processes import ATTACH, PROCESSES
from ..home.paths import Home
from ..home.running import Running
from ..relay.client import RelayClient
from ..store import Store
from ..store.commands import Commands
from .report import HealthDoubt, HealthFault, HealthReport

SLOW = 100  # ms that Redis may take for an answer
STALL = 1000  # ms that a worker's loop may stand still
SCARCE, FULL = 10, 2  # percent of the disk that should, and must, be free
PATIENCE = 5.0  # seconds


class ExaminedHost(Protocol):
    """What is tested, as ``cli.host`` has it."""

    now: Callable[[], int]

    @property
    def home(self) -> Home: ...

    @property
    def conf(self) -> Config: ...

    @property
    def store(self) -> Store: ...

    @property
    def relay(self) -> RelayClient: ...

    @property
    def running(self) -> list[Running]: ...

    @property
    def remedy(self) -> str: ...


class SystemCheck:
    """All tests of one host."""

    def __init__(self, host: ExaminedHost):
        self.report = HealthReport()
        self._host = host
        self._conf = host.conf
        self._store = host.store

    def run(self) -> HealthReport:
        """Make all tests."""
        own = {
            row.worker(index): row.child(index)
            for row in PROCESSES
            if not row.standalone
            for index in row.indexes(self._conf.number)
        }
        workers = [ATTACH.worker(index) for index in ATTACH.indexes(self._conf.number)]
        tests: dict[str, Callable[[], str]] = {
            **{f"process {name}": partial(self._process, child) for name, child in own.items()},
            "redis_high": partial(self._redis, self._store.high),
            "redis_low": partial(self._redis, self._store.low),
            **{f"worker {name}": partial(self._worker, name) for name in workers},
            "relay": self._relay,
            "port": self._port,
            "disk": self._disk,
            "durability": self._durability,
            "inter-working links": self._peers,
            "pool links": self._pool,
            "message ledger": self._ledger,
        }
        for name, check in tests.items():
            self.report.try_(name, check)
        return self.report

    def _process(self, name: str) -> str:
        for process in self._host.running:
            if process.name == name:
                return f"runs with pid {process.pid}"
        raise HealthFault(f"does not run; {self._host.remedy}")

    def _redis(self, redis: Commands) -> str:
        began = time.monotonic()
        redis.call("PING")
        took = (time.monotonic() - began) * 1000
        persistence = redis.info("persistence")
        if persistence.get("aof_enabled") != "1" or persistence.get("aof_last_write_status") != "ok":
            raise HealthFault("what is stored does not reach the disk; see the log of this Redis, and the disk")
        if took > SLOW:
            raise HealthDoubt(f"answers within {took:.0f} ms, which is slow")
        return f"answers within {took:.1f} ms; writes reach the disk"

    def _worker(self, name: str) -> str:
        for process in self._store.directory.processes(self._host.now()):
            if (process.host, process.name) == (self._conf.name, name):
                if process.worst > STALL:
                    raise HealthDoubt(f"{process.clients} connections; its loop stood still for {process.worst:.0f} ms")
                return f"{process.clients} connections"
        raise HealthFault(f"does not say that it lives; {self._host.remedy}")

    def _relay(self) -> str:
        held = len(self._host.relay.list())
        return f"answers; {held} conversation{'' if held == 1 else 's'}"

    def _port(self) -> str:
        address = listening(self._conf)
        try:
            socket.create_connection(address, PATIENCE).close()
        except OSError as error:
            raise HealthFault(f"nobody answers at {address[0]}, port {address[1]}: {error.strerror or error}") from None
        return f"connections are taken at {address[0]}, port {address[1]}"

    def _disk(self) -> str:
        usage = shutil.disk_usage(self._host.home.data)
        free = 100 * usage.free / usage.total
        told = f"{free:.0f} % of the disk of {self._host.home.data} is free"
        if free < FULL:
            raise HealthFault(told)
        if free < SCARCE:
            raise HealthDoubt(told)
        return told

    def _durability(self) -> str:
        return "an acknowledged message survives what the disk of this host survives; it has no backup elsewhere"

    def _peers(self) -> str:
        peers = sorted(self._store.operator.peers())
        if peers:
            raise HealthDoubt(f"not connected in this release: {', '.join(peers)}")
        return "none is configured"

    def _pool(self) -> str:
        others = sorted(set(self._conf.hosts) - {self._conf.name})
        if others:
            raise HealthDoubt(f"not connected in this release: {', '.join(others)}")
        return "this host is alone in its pool"

    def _ledger(self) -> str:
        sheets = self._store.conservation.sheets(self._host.now())
        if not sheets:
            raise HealthDoubt("nothing is compared yet; it is within seconds of the first account")
        wrong = {account: sheet.difference for account, sheet in sheets.items() if sheet.difference}
        if wrong:
            accounts = ", ".join(f"{account} ({difference:+d})" for account, difference in sorted(wrong.items()))
            raise HealthDoubt(f"more (+) or less (-) came than was kept, acknowledged, expired or purged: {accounts}")
        return f"what came is what was kept, acknowledged, expired or purged, in {len(sheets)} accounts"


def listening(conf: Config) -> tuple[str, int]:
    """Where a client on this machine reaches this host: packets to an address of its own never leave the machine."""
    address = str(conf.listen_address or conf.ip)
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address), conf.listen_port
