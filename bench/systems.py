"""The systems compared, each started here with a private configuration on loopback and ended by pid.

Lives here: what all of them have in common, and the CRS. The peers from Debian's packages are in ``peers``. Each tells
its version, its settings and how it syncs to the disk, so that a table can say what was compared.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from test.hosts import Domain, Host

from .common import cpu_seconds, pinned, pss, tree
from .load import crs as crs_load


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

    def stall(self) -> float | None:
        """The longest stall of its loop, in ms, that it knows of and has not told yet; None where it tells none."""
        return None

    def spawn(self, *command: str, env: dict | None = None) -> None:
        with open(self.directory / "output", "w") as output:
            self.process = subprocess.Popen([*pinned(self.cores), *command], stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, cwd=self.directory, env={**os.environ, **(env or {})})

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

    def start(self, clients: int) -> "Crs":
        self.host = Host(self.directory, local=f"attach-workers {self.workers}")
        self.host.start(*pinned(self.cores))
        self.process = self.host.process
        self.uris = [f"+4670{number:07d}" for number in range(clients)]
        self.domain = Domain(self.host, "bench", self.uris)
        return self

    def about(self) -> dict[str, str]:
        from crs import __version__
        from crs.config import load
        from crs.redis_server import FSYNC, find
        server = find(load(self.host.home))
        return {"version": f"{__version__} (Redis: {server.family} {'.'.join(map(str, server.version))})",
                "settings": f"{self.workers} attach worker(s), TLS 1.3 PSK, all clients listed in the update file",
                "sync": ", ".join(f"{name} appendfsync {how}" for name, how in FSYNC.items())}

    def who(self, number: int):
        return crs_load.Who(self.host.address, self.uris[number], *self.domain.month(self.uris[number]))

    def stop(self) -> None:
        if self.process is not None:
            self.host.stop()
            self.process = None
        self._scratch.cleanup()
