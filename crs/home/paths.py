"""The home directory of one host: where everything lies, and how a fresh one is made.

The names of files and directories of a home stand here alone, but for those of a process's log (``daemon.processes``).
"""

import os
import stat
from pathlib import Path

from crs.errors import OperatorFault
from crs.home import files

INSTALLED = Path("/opt/crs")  # manual, chapter 4.1.2
INSTALLED_LOG = Path("/var/log/crs")  # manual, chapter 6
MAX_SOCKET_PATH = 107  # bytes; sun_path of unix(7) without its final NUL

UNRESTORED, RESTORED = b"part of a backup was extracted\n", b"a whole backup was extracted\n"

NOTIFY_SH = """\
#!/bin/sh
# Run at every system event (manual, chapter 7.1):   notify.sh <unit/modulename> <event>
# As installed it tells syslog. Add what your fault management needs, such as an SNMP trap. It is never waited for, and
# is ended after 10 seconds.
unit=$1
event=$2
if command -v logger >/dev/null 2>&1; then
    logger -t crs -- "$unit: $event"
fi
exit 0
"""


class Home:
    """The paths of one home. Nothing is looked at or made until a method is called."""

    def __init__(self, root: str | Path):
        self.root = Path(os.path.abspath(root))
        self.conf = self.root / "crs.conf"
        self.local_conf = self.root / "crs-local.conf"
        self.relay_conf = self.root / "crs-relay.conf"
        self.accounts = self.root / "accounts"
        self.data = self.root / "data"
        self.run = self.root / "run"
        self.scripts = self.root / "scripts"
        self.backup = self.root / "backup"
        self.log = INSTALLED_LOG if self.root == INSTALLED else self.root / "log"

        self.crs_log = self.log / "crs.log"
        self.relay_log = self.log / "crs_relay.log"
        self.notify = self.scripts / "notify.sh"
        self.lock = self.run / "lock"
        self.processes = self.run / "processes.json"  # see ``running``
        self.written_by = self.data / "written-by"  # the Redis server that wrote the data
        self.restored = self.data / "restored"  # what was extracted last from a backup: RESTORED, UNRESTORED
        self.log_key = self.data / "log-key"  # of the tags in the log (``telemetry.tags``)
        self.started_with = self.run / "conf"  # the configuration that the running host was started with
        self.redis_high_sock = self.redis_sock("redis_high")
        self.redis_low_sock = self.redis_sock("redis_low")
        self.relay_sock = self.run / "relay.sock"

    def __str__(self) -> str:
        return str(self.root)

    @classmethod
    def find(cls, option: str | None = None) -> "Home":
        """The home that ``--home`` names, else ``CRS_HOME``, else ``/opt/crs``."""
        return cls(option or os.environ.get("CRS_HOME") or INSTALLED)

    def redis_sock(self, name: str) -> Path:
        """The Unix socket of the Redis server of this name."""
        return self.run / f"{name}.sock"

    def directories(self) -> tuple[Path, ...]:
        """Every directory of a home, the home itself first."""
        return self.root, self.run, self.data, self.accounts, self.log, self.scripts, self.backup

    def check_socket_paths(self) -> None:
        """Raise OperatorFault if a Unix socket could not be bound below this home."""
        longest = max((self.redis_high_sock, self.redis_low_sock, self.relay_sock), key=lambda path: len(bytes(path)))
        excess = len(bytes(longest)) - MAX_SOCKET_PATH
        if excess > 0:
            raise OperatorFault(
                f"{longest} is {excess} bytes too long for a Unix socket (limit {MAX_SOCKET_PATH}); "
                "choose a home with a shorter path"
            )

    def prepare(self) -> None:
        """Make the directories that are missing, readable by their owner alone. Raises OperatorFault."""
        self.check_socket_paths()
        for directory in self.directories():
            try:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise OperatorFault(
                    f"{directory} cannot be made: {error.strerror}; check the path and its owner"
                ) from None

    def tighten(self) -> list[Path]:
        """Make the files of accounts readable by their owner alone, and the configuration not readable by all users.

        The manual's restore (chapter 4.20.2) leaves them readable by all. Returns what was changed; what cannot be,
        since it belongs to somebody else, is reported by ``crsd --check``.
        """
        changed = []
        wanted = [(path, 0o077) for path in (self.accounts, *sorted(self.accounts.rglob("*")))]
        for path, others in (*wanted, (self.data, 0o077), (self.conf, 0o007), (self.local_conf, 0o007)):
            try:
                mode = stat.S_IMODE(os.lstat(path).st_mode)
                if mode & others and not path.is_symlink():
                    os.chmod(path, mode & ~others)
                    changed.append(path)
            except OSError:
                pass
        return changed

    def check_restored(self) -> None:
        """Raise OperatorFault if a restore from a backup broke off half-way."""
        try:
            broken = self.restored.read_bytes() == UNRESTORED
        except OSError:
            return
        if broken:
            raise OperatorFault(
                f"a restore into {self.root} broke off: the archive is not complete, or tar was "
                "stopped; extract a complete one"
            )

    def create(self, texts: dict[str, str]) -> None:
        """Make a fresh home with these configuration files (name to text) and ``notify.sh``. Raises OperatorFault."""
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise OperatorFault(f"{self.root} is not an empty directory; choose another, or remove it first")
        self.prepare()
        self.root.chmod(0o700)
        for file, text in texts.items():
            files.write(self.root / file, text)
        files.write(self.notify, NOTIFY_SH, 0o700)
