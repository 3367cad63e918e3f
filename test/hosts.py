"""A real host for tests: a fresh home, `crsd --standalone` as an operator starts it, accounts as an operator makes
them.

Ports and directories are free ones, so test processes can run side by side. Processes are ended by pid.
"""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import gevent

from crs.trust import identity, jose, tokens
from crs.trust import months as calendar
from crs.trust.update import Update, protect

from .ports import free_port

ROOT = Path(__file__).parents[1]
TELL_SECRETS = ("create account", "create sharedSecret", "list account")  # actions whose output is secret
UMASK = 0o022  # as of most people: what is not to be readable by all must see to it itself
PATIENCE = 30  # seconds a host may take to be ready or to end


def wait_for(condition, what: str, patience: float = PATIENCE, pause: float = 0.05):
    """Wait until ``condition()`` is true; returns its value. Greenlets of the test (load) run meanwhile."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience} s")
        gevent.sleep(pause)
    return value


class Host:
    """One host in ``directory``. ``directives`` are lines for crs.conf, ``local`` for crs-local.conf; ``root`` is the
    checkout whose programs run."""

    def __init__(self, directory: Path, directives: str = "", local: str = "", relay: str = "", root: Path = ROOT):
        self._bin = root / "bin"
        self.home = Path(directory) / "crs"
        self.ip = "127.0.0.1"
        self.address = (self.ip, free_port())
        self.media = (self.ip, free_port(socket.SOCK_DGRAM))
        self.seen = self.home.parent / "seen.out"  # what others than its owner could see, for test/canary.py
        self.process: subprocess.Popen | None = None
        self.crsd(
            "--init",
            self.home,
            "--ip",
            self.ip,
            "--listen-port",
            self.address[1],
            "--relay-port",
            self.media[1],
            check=True,
        )
        self._append("crs.conf", f"\nGLOBAL\n{directives}\n" if directives else "")
        self._append("crs-local.conf", local)
        self._append("crs-relay.conf", relay)

    def _append(self, name: str, text: str) -> None:
        with open(self.home / name, "a") as file:
            file.write(text and text + "\n")

    def environment(self) -> dict:
        return {**os.environ, "CRS_HOME": str(self.home)}

    def run(self, program: str, *arguments, check=False, stdin: str = "", env=None) -> subprocess.CompletedProcess:
        """Run one of bin/'s programs to its end."""
        done = subprocess.run(
            [sys.executable, str(self._bin / program), *map(str, arguments)],
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
            env=env or self.environment(),
            umask=UMASK,
        )
        told = "" if " ".join(map(str, arguments[:2])) in TELL_SECRETS else done.stdout
        self._note(" ".join(map(str, (program, *arguments))), told, done.stderr)
        assert not check or done.returncode == 0, done
        return done

    def _note(self, *texts: str) -> None:
        with open(self.seen, "a") as file:
            file.write("\n".join(texts) + "\n")

    def note_processes(self) -> None:
        """Note the command lines of all its processes, as everybody can see them."""
        for pid in [self.process.pid, *self.pids().values()]:
            with contextlib.suppress(OSError):
                self._note(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    def crsd(self, *arguments, check=False) -> subprocess.CompletedProcess:
        return self.run("crsd", *arguments, check=check)

    def cli(self, *arguments, check=True, stdin: str = "") -> str:
        """crs-cli; its output."""
        return self.run("crs-cli", *arguments, check=check, stdin=stdin).stdout

    def rows(self, *arguments) -> list[dict]:
        """crs-cli with --json."""
        return json.loads(self.cli(*arguments, "--json"))

    # --- life and death ---------------------------------------------------------------------------------------------

    def start(self, *prefix: str) -> "Host":
        """Start it and wait until it is ready; ``prefix`` is what the command line begins with (a name space)."""
        self.output = self.home.parent / "crsd.out"
        with open(self.output, "a") as file:
            self._said_before = file.tell()
            self.process = subprocess.Popen(
                [*prefix, sys.executable, str(self._bin / "crsd"), "--home", str(self.home), "--standalone"],
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self.environment(),
                umask=UMASK,
            )
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Until a client could attach on every worker."""

        def ready():
            assert self.process.poll() is None, f"crsd ended:\n{self.output.read_text()}"
            return self._accepts() and self.pids()

        wait_for(ready, f"host ready (see {self.output})")

    def _accepts(self) -> bool:
        return "ready on" in self.output.read_text()[self._said_before :]

    def pids(self) -> dict[str, int]:
        """Name of each process ("app:attach:0", "redis_low", "crs_relay", …) to its pid; {} while the host starts."""
        try:
            rows = json.loads((self.home / "run" / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        return {
            ":".join(
                filter(None, [row["process"], str(row.get("index", "")) if "attach" in row["process"] else ""])
            ): row["pid"]
            for row in rows
        }

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to one process of the host by name; returns the pid it had."""
        pid = self.process.pid if name == "supervisor" else self.pids()[name]
        os.kill(pid, number)
        return pid

    def stop(self) -> int:
        """End it as ctrl-c does; returns the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.note_processes()
            self.process.send_signal(signal.SIGTERM)
            try:
                wait_for(lambda: self.process.poll() is not None, "crsd ends")
            except AssertionError:
                self.process.kill()
                raise
        code, self.process = self.process.returncode, None
        return code


class Domain:
    """A security domain on a host: created and loaded with crs-cli, its keys held here as a CMS would."""

    def __init__(self, host: Host, account: str, uris: list[str], domains: tuple[str, ...] = (), months=None):
        self.host, self.account, self.uris, self.domains = host, account, uris, domains
        self.secret = base64.b64encode(os.urandom(16)).decode()
        self.months = {month: os.urandom(32) for month in months or [calendar.of(time.time_ns() // 1_000_000)]}
        self.domain_token = tokens.domain_token(jose.new_key("Ed25519", os.urandom(32)), account)
        host.cli("create", "account", account, "-s", "-", stdin=self.secret + "\n")
        for month in self.months:
            self.apply(month)

    def update(self, month: str, created: int | None = None, clients: dict | None = None) -> bytes:
        """The protected update file of a month."""
        return protect(
            Update(
                account=self.account,
                month=month,
                created=created or time.time_ns() // 1_000_000,
                month_key=self.months[month],
                domain_token=self.domain_token,
                domains=list(self.domains),
                clients=clients or {uri: f"opaque update for {uri}" for uri in self.uris},
            ),
            self.secret,
        )

    def apply(self, month: str, **more) -> str:
        path = self.host.home.parent / f"{self.account}-{month}.upd"
        path.write_bytes(self.update(month, **more))
        return self.host.cli("apply", path)

    def month(self, uri: str, month: str | None = None) -> tuple[str, bytes]:
        """Identity and key of a client, as its credential has them."""
        month = month or max(self.months)
        name = identity.client_identity(self.account, month, uri, self.months[month])
        return name, identity.psk(self.months[month], name)


@contextlib.contextmanager
def running(directory: Path, **options):
    """A host that runs; ended at the end whatever happens."""
    host = Host(directory, **options)
    try:
        yield host.start()
    finally:
        host.stop()
