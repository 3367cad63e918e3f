"""The systems compared, each started here with a private configuration on loopback and ended by pid.

Lives here: what all of them have in common, and the CRS. The peers from Debian's packages are in ``peers``. Each tells
its version, its settings and how it syncs to the disk, so that a table can say what was compared.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import hiredis

from crs.store import schema
from test.hosts import Domain, Host

from .common import cpu_seconds, pinned, pss, tree
from .load import crs as crs_load

ANNOUNCED = 6.5  # seconds until a worker of the CRS has told its longest stall, and it was read
SETTLING = 120  # quarters of a second that a server may take over what it was given


class Missing(Exception):
    """A peer is not installed; the text says how to install it."""


class System:
    """One server. ``protocol`` names the module of ``bench.load`` whose clients it serves."""

    name = ""
    protocol = ""

    def __init__(self, cores: Sequence[int]):
        self.cores = cores
        self._scratch = tempfile.TemporaryDirectory(prefix=f"bench-{self.name}-")
        self.directory = Path(self._scratch.name)
        self.process: subprocess.Popen | None = None

    def start(self, clients: int) -> "System":
        """Start it with so many accounts, ready to be used."""
        raise NotImplementedError

    def about(self) -> dict[str, str]:
        """``version``, ``settings``, ``sync``."""
        raise NotImplementedError

    def who(self, number: int):
        """Client ``number``, as its protocol's load wants it."""
        raise NotImplementedError

    def pids(self) -> list[int]:
        return tree(self.process.pid)

    def pss(self) -> int:
        """KiB over all its processes."""
        return pss(self.pids())

    def cpu(self) -> float:
        """Seconds over all its processes."""
        return cpu_seconds(self.pids())

    def settle(self) -> None:
        """Wait until it has done all that it was given: what a load left behind must not count in the next."""
        used = self.cpu()
        for _ in range(SETTLING):
            time.sleep(0.25)
            before, used = used, self.cpu()
            if used - before <= 0.02:
                return
        raise TimeoutError(f"{self.name} still works {SETTLING // 4} s after its load")

    def stall(self) -> float | None:
        """The longest stall of its loop, in ms, that it knows of and has not told yet; None where it tells none."""
        return None

    def spawn(self, *command: str, env: dict | None = None) -> None:
        with open(self.directory / "output", "w") as output:
            self.process = subprocess.Popen(
                [*pinned(self.cores), *command],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                env={**os.environ, **(env or {})},
            )

    def said(self) -> str:
        return (self.directory / "output").read_text()

    def stop(self) -> None:
        if self.process is not None:
            pids = tree(self.process.pid)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                for pid in pids:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.process.wait(5)
            self.process = None
        self._scratch.cleanup()


class Crs(System):
    """A CRS as an operator starts it: supervisor, workers, both Redis, relay, all on the same cores."""

    name = "crs"
    protocol = "crs"
    workers = 1

    def __init__(self, cores: Sequence[int]):
        super().__init__(cores)
        self._told: dict[str, int] = {}  # worker: when it last told its stall
        self._stall = 0.0

    def start(self, clients: int) -> "Crs":
        self.host = Host(self.directory, local=f"attach-workers {self.workers}")
        try:
            self.host.start(*pinned(self.cores))
        finally:
            self.process = self.host.process  # to be ended, also where it was not ready in time
        self.uris = [f"+4670{number:07d}" for number in range(clients)]
        self.domain = Domain(self.host, "bench", self.uris)
        self._stalls = threading.Thread(target=self._watch_stalls, daemon=True)
        self._stalls.start()
        return self

    def _watch_stalls(self) -> None:
        """Read the process table while the host lives: each entry of a worker tells the stall since the one before."""
        while self.process is not None:
            for time_told, name, stall in self._announced():
                if time_told > self._told.get(name, 0):
                    self._told[name] = time_told
                    self._stall = max(self._stall, stall)
            time.sleep(1)

    def _announced(self) -> list[tuple[int, str, float]]:
        """(time, worker, stall) of each worker, straight from redis_high, as the load has no gevent."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5)
                sock.connect(str(self.host.home / "run" / "redis_high.sock"))
                sock.sendall(hiredis.pack_command(("HVALS", schema.processes())))
                reader = hiredis.Reader()
                while (rows := reader.gets()) is False:
                    reader.feed(sock.recv(65_536))
        except OSError:
            return []
        return [(row["time"], row["name"], row["stall"]) for row in map(json.loads, rows)]

    def stall(self) -> float:
        stall, self._stall = self._stall, 0.0
        return stall

    def about(self) -> dict[str, str]:
        from crs import __version__
        from crs.config.settings import load
        from crs.daemon.processes import SERVERS
        from crs.daemon.redis_server import find

        binary = find(load(self.host.home))
        return {
            "version": f"{__version__} (Redis: {binary.family} {'.'.join(map(str, binary.version))})",
            "settings": f"{self.workers} attach worker(s), TLS 1.3 PSK, all clients listed in the update file",
            "sync": ", ".join(f"{server.name} appendfsync {server.fsync}" for server in SERVERS),
        }

    def who(self, number: int):
        return crs_load.Who(self.host.address, self.uris[number], *self.domain.month(self.uris[number]))

    def stop(self) -> None:
        if self.process is not None:
            self.host.stop()
            self.process = None
        self._scratch.cleanup()
