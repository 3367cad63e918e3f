"""The systems compared: what they have in common, and the CRS. Those of Debian's packages are in ``peers``.

Each is started with a private configuration on loopback and ended by pid, and states its version, its settings and how
it syncs to disk.
"""

import argparse
import contextlib
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
from typing import Any

import hiredis

from crs.store import schema
from test.hosts import Domain, Host

from .common import ROOT, cpu_seconds, pinned, pss, tree
from .load import crs as crs_load

ANNOUNCED = 6.5  # seconds until a worker of the CRS has published its longest stall, and it was read
SETTLING = 120  # quarters of a second that a server may take to finish its work


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
        self.process: subprocess.Popen[Any] | None = None

    def start(self, clients: int) -> "System":
        """Start it with so many accounts, ready to be used."""
        raise NotImplementedError

    def about(self) -> dict[str, str]:
        """``version``, ``settings``, ``sync``."""
        raise NotImplementedError

    def who(self, number: int) -> Any:
        """Client ``number``, as its protocol's load wants it."""
        raise NotImplementedError

    def pids(self) -> list[int]:
        return tree(self.process.pid) if self.process else []

    def pss(self) -> int:
        """KiB over all its processes."""
        return pss(self.pids())

    def cpu(self) -> float:
        """Seconds over all its processes."""
        return cpu_seconds(self.pids())

    def settle(self) -> None:
        """Wait until it is idle: work left by one load must not count in the next."""
        used = self.cpu()
        for _ in range(SETTLING):
            time.sleep(0.25)
            before, used = used, self.cpu()
            if used - before <= 0.02:
                return
        raise TimeoutError(f"{self.name} still works {SETTLING // 4} s after its load")

    def stall(self) -> float | None:
        """The longest stall of its loop since the last call, in ms; None if it measures none."""
        return None

    def spawn(self, *command: str, env: dict[str, str] | None = None) -> None:
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
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.process.wait(5)
            self.process = None
        self._scratch.cleanup()


class CrsSystem(System):
    """A CRS as an operator starts it: supervisor, workers, both Redis, relay, all on the same cores. ``root``: the
    checkout whose programs run."""

    name = "crs"
    protocol = "crs"
    workers = 1
    root = ROOT

    def __init__(self, cores: Sequence[int]):
        super().__init__(cores)
        self._told: dict[str, int] = {}  # worker: when it last told its stall
        self._stall = 0.0

    def start(self, clients: int) -> "CrsSystem":
        self.host = Host(self.directory, local=f"attach-workers {self.workers}", root=self.root)
        try:
            self.host.start(*pinned(self.cores))
        finally:
            self.process = self.host.process  # to be ended even if it was not ready in time
        self.uris = [f"+4670{number:07d}" for number in range(clients)]
        self.domain = Domain(self.host, "bench", self.uris)
        self._stalls = threading.Thread(target=self._watch_stalls, daemon=True)
        self._stalls.start()
        return self

    def _watch_stalls(self) -> None:
        """Read the process table while the host lives: each entry of a worker has the stall since the previous
        entry."""
        while self.process is not None:
            for time_told, name, stall in self._announced():
                if time_told > self._told.get(name, 0):
                    self._told[name] = time_told
                    self._stall = max(self._stall, stall)
            time.sleep(1)

    def _announced(self) -> list[tuple[int, str, float]]:
        """(time, worker, stall) of each worker, read from redis_high directly, as the load has no gevent."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5)
                sock.connect(str(self.host.home / "run" / "redis_high.sock"))
                sock.sendall(f"HVALS {schema.processes()}\r\n".encode())
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

    def who(self, number: int) -> crs_load.CrsUser:
        return crs_load.CrsUser(self.host.address, self.uris[number], *self.domain.month(self.uris[number]))

    def stop(self) -> None:
        if self.process is not None:
            self.host.stop()
            self.process = None
        self._scratch.cleanup()


def chosen_kinds(chosen: argparse.Namespace, kinds: Sequence[type[System]]) -> list[type[System]]:
    """Those that ``--only`` names, else all; behind them the checkout that ``--beside`` names."""
    found = [kind for kind in kinds if not chosen.only or kind.name in chosen.only.split(",")]
    if chosen.beside is not None:
        found.append(type("CrsBeside", (CrsSystem,), {"name": "crs-beside", "root": chosen.beside.resolve()}))
    return found
