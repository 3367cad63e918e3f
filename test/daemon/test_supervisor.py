"""The supervisor: what it starts, starts again, tells and ends, seen from outside as an operator sees it."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crs.daemon.main import main
from crs.home.lock import running
from crs.home.paths import Home

from ..ports import free_port
from ..servers import redis_binaries

ROOT = Path(__file__).parents[2]
PATIENCE = 30  # seconds


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.02)
    return value


class TinyHost:
    """A fresh home, and ``crsd`` with tiny workers in it."""

    def __init__(self, directory: Path):
        self.home = Home(directory / "h")
        self.port = free_port()
        self.output = directory / "output"
        self.process: subprocess.Popen | None = None
        self.started: list[subprocess.Popen] = []
        assert (
            main(
                [
                    "--init",
                    str(self.home),
                    "--listen-port",
                    str(self.port),
                    "--relay-port",
                    str(free_port(socket.SOCK_DGRAM)),
                ]
            )
            == 0
        )

    def spawn(self, behaviour="good", standalone=True, **environment) -> None:
        command = [sys.executable, "-m", "test.daemon.tiny_host", behaviour, "--home", str(self.home)]
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                command + ["--standalone"] * standalone,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        self.started.append(self.process)

    def start(self, *args, **options) -> "TinyHost":
        self.spawn(*args, **options)
        wait_for(lambda: "crs1 ready on" in self.said(), "ready")
        return self

    def said(self) -> str:
        return self.output.read_text()

    def log(self) -> str:
        return self.home.crs_log.read_text() if self.home.crs_log.exists() else ""

    def pids(self) -> dict[str, int]:
        rows = json.loads(self.home.processes.read_text())
        return {row["process"] + (f":{row['index']}" if "index" in row else ""): row["pid"] for row in rows}

    def kill(self, name: str) -> tuple[int, int]:
        """kill -9, and wait for the successor; the old and the new process id."""
        old = self.pids()[name]
        os.kill(old, signal.SIGKILL)
        return old, wait_for(lambda: self.pids().get(name) not in (None, old) and self.pids()[name], f"{name} is back")

    def ask(self, address="127.0.0.1") -> int:
        """The process id of the worker that answers a new connection."""
        with socket.create_connection((address, self.port), timeout=PATIENCE) as sock:
            return int(sock.makefile().read())

    def end(self, number=signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def clear(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        wait_for(lambda: not running(self.home), "all processes end")


@pytest.fixture
def host(tmp_path):
    tiny = TinyHost(tmp_path)
    yield tiny
    tiny.clear()


def in_order(text: str, *patterns: str) -> bool:
    """Whether the patterns are found in ``text`` one behind the other."""
    return re.search(".*".join(patterns), text, re.DOTALL) is not None


def test_start_is_told_step_by_step(host):
    host.start()
    said = host.said()
    for name in ("redis_high", "redis_low", "crs_relay", "app:attach:0", "app:attach:1"):
        assert f"{name} ready\n" in said
    assert said.index("redis_low ready") < said.index("app:attach:0 ready")
    assert re.search(rf"^crs1 ready on 127\.0\.0\.1:{host.port}, media on 127\.0\.0\.1:\d+/udp$", said, re.MULTILINE)
    assert set(host.pids()) == {"redis_high", "redis_low", "crs_relay", "app:attach:0", "app:attach:1"}
    assert "INIT | crsd" in host.log()


def test_the_relay_is_a_service_of_its_own_without_standalone(host):
    host.spawn(standalone=False)
    wait_for(lambda: "app:attach:1" in host.log() and host.home.processes.exists() and len(host.pids()) == 4, "started")
    assert "crs_relay" not in host.pids()
    assert host.said() == ""


def test_no_secret_in_arguments_logs_or_open_files(host):
    host.start()
    key = re.search(r"^key (\S+)$", host.home.conf.read_text(), re.MULTILINE)[1]
    for pid in (host.process.pid, *host.pids().values()):
        assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert key not in host.log() + host.said()
    for path in host.home.root.rglob("*"):
        mode = path.lstat().st_mode
        assert not (stat.S_ISREG(mode) and mode & 0o007 and path != host.home.processes), path
        assert not (stat.S_ISDIR(mode) and mode & 0o007), path


@pytest.mark.parametrize("name", ["redis_high", "redis_low", "crs_relay", "app:attach:0"])
def test_what_dies_is_started_again(host, name):
    host.start()
    old, new = host.kill(name)
    wait_for(
        lambda: in_order(
            host.log(),
            rf"{name}\({old}\) killed by SIGKILL; it is started again at once",
            rf"{name}\({new}\) restarted",
            rf"{name}\({new}\) is ready",
        ),
        "told",
    )
    assert host.end() == 0


def test_a_signal_without_a_name(host):
    host.start()
    old = host.pids()["crs_relay"]
    os.kill(old, 40)
    wait_for(lambda: in_order(host.log(), rf"crs_relay\({old}\) killed by signal 40; it is started again"), "told")


def test_a_dead_worker_refuses_nobody(host):
    host.start()
    dead = {host.pids()["app:attach:0"], host.pids()["app:attach:1"]}
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in dead), "both are dead")
    assert not {host.ask() for _ in range(8)} & dead


def test_connections_are_shared_by_the_workers(host):
    host.start()
    workers = {host.pids()["app:attach:0"], host.pids()["app:attach:1"]}
    seen = set()
    wait_for(lambda: seen.add(host.ask()) or seen == workers, "both workers answer")


def test_clients_are_told_first_and_redis_goes_last(host):
    host.start()
    assert host.end() == 0
    assert in_order(
        host.log(),
        "stopping",
        r"app:attach:\d\(\d+\) ended with code 0",
        r"crs_relay\(\d+\) ended with code 0",
        r"redis_(high|low)\(\d+\) ended with code 0",
        "stopped",
    )
    assert host.said().endswith("stopping\nstopped\n")
    assert not host.home.processes.exists()
    assert not running(host.home)


def test_what_crs_local_conf_says_counts(host, tmp_path):
    server = tmp_path / "own-server"
    server.symlink_to(redis_binaries()[0])
    host.home.local_conf.write_text(
        f"crsname crs1\nattach-workers 3\nlisten-address 127.0.0.2\nredis-server {server}\n"
    )
    host.start()
    assert "app:attach:2" in host.pids() and "app:attach:3" not in host.pids()
    assert f"redis {server} " in host.log()
    assert host.ask("127.0.0.2") in host.pids().values()
    with pytest.raises(ConnectionRefusedError):
        host.ask("127.0.0.1")
    assert host.end() == 0


def test_ctrl_c_is_the_supervisors_alone(host):
    """The terminal sends SIGINT to the whole foreground group; the workers have left it."""
    host.start()
    for pid in host.pids().values():
        assert os.getpgid(pid) != os.getpgid(host.process.pid)
    assert host.end(signal.SIGINT) == 0


def test_what_does_not_end_in_time_is_killed(host):
    host.start("stubborn", LEAVE_WITHIN="0.3")
    assert host.end() == 0
    assert "app:attach:0 does not end, it is killed" in host.log()


def test_a_second_sigterm_ends_at_once(host):
    host.start("stubborn", LEAVE_WITHIN="600")
    host.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "stopping" in host.said(), "stopping")
    assert host.end() == 0
    assert in_order(host.log(), "stopping at once", r"app:attach:0\(\d+\) killed by SIGKILL")
    assert in_order(host.log(), "stopping at once", r"redis_low\(\d+\) ended with code 0")


def test_children_end_with_the_supervisor_and_a_new_start_is_clean(host):
    host.start()
    old = host.pids()
    host.process.kill()
    host.process.wait()
    host.start()
    assert not set(old.values()) & set(host.pids().values())
    for pid in old.values():
        assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    assert host.end() == 0


def test_a_new_start_waits_for_the_old_processes(host):
    """A process of the host that outlives its supervisor holds the lock."""
    host.home.lock.touch()
    hold = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(host.home.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"\n"
    host.spawn()
    wait_for(lambda: "waiting for the processes of an earlier start" in host.said(), "told")
    assert "redis_low ready" not in host.said()
    holder.communicate(b"\n", timeout=PATIENCE)
    wait_for(lambda: "crs1 ready on" in host.said(), "ready")


def test_one_host_a_home(host, capsys):
    host.start()
    assert main(["--home", str(host.home)]) == 1
    assert (
        capsys.readouterr().err
        == f"crsd: a host runs in {host.home} already, process {host.process.pid}; stop it first\n"
    )
    assert host.ask() in host.pids().values()


@pytest.mark.parametrize("share", [0, 1], ids=["plain", "reuseport"])
def test_a_port_in_use_is_told(host, capsys, share):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
        other.bind(("127.0.0.1", host.port))
        other.listen()
        host.spawn()
        assert host.process.wait(PATIENCE) == 1
    assert host.said() == (
        f"crsd: 127.0.0.1:{host.port}/tcp is used by another program; "
        "stop that program, or choose another listen-port in crs.conf\n"
    )


def test_sighup_is_passed_to_the_workers(host):
    host.start()
    host.process.send_signal(signal.SIGHUP)
    told = host.home.root / "hup"
    wait_for(lambda: told.exists() and sorted(told.read_text().split()) == ["0", "1"], "both workers hear it")


def test_a_crash_loop_slows_down(host):
    host.spawn("dying")
    wait_for(
        lambda: in_order(
            host.log(),
            *(
                rf"app:attach:0\(\d+\) ended with code 3; it is started again {when}\n"
                for when in ("at once", "in 0.25 s", "in 0.5 s")
            ),
        ),
        "slower",
    )
    assert host.end() == 0


def test_a_worker_that_never_begins_is_started_anew(host):
    host.spawn("mute", START_WITHIN="0.5")
    wait_for(
        lambda: in_order(
            host.log(),
            r"app:attach:0\(\d+\) is not ready after 0.5 s, it is killed",
            r"app:attach:0\(\d+\) killed by SIGKILL",
            r"app:attach:0\(\d+\) restarted",
        ),
        "restarted",
    )
    assert host.end() == 0


def test_an_edit_counts_from_the_next_start(host):
    """A worker that is restarted has what its siblings have, and a mistake in an edit stops nobody."""
    host.start()
    host.home.conf.write_text("this is no configuration")
    host.kill("crs_relay")
    wait_for(lambda: host.log().count("is ready") == 6, "the relay is ready again")
    assert host.end() == 0
    host.spawn()
    assert host.process.wait(PATIENCE) == 1
    assert host.said().startswith("crsd: crs.conf:1:1: this is not a directive")


def test_every_event_is_told_to_the_script_in_order(host):
    told = host.home.root / "told"
    host.home.notify.write_text(f'#!/bin/sh\necho "$1: $2" >> {told}\n')
    host.start()
    host.kill("redis_high")
    wait_for(lambda: told.exists() and told.read_text().count("redis_high: ready") == 2, "told")
    assert host.end() == 0
    events = told.read_text()
    assert in_order(
        events,
        "crs: start\n",
        "redis_high: start\n",
        "redis_high: ready\n",
        "app:attach:0: start\n",
        "crs: ready\n",
        "redis_high: killed by SIGKILL\n",
        "redis_high: restart\n",
        "redis_high: ready\n",
        "crs: stop\n",
        "app:attach:0: ended with code 0\n",
        "crs: stopped\n",
    )


def test_a_script_that_hangs_or_is_missing_stops_nobody(host):
    pids = host.home.root / "pids"
    host.home.notify.write_text(f"#!/bin/sh\necho $$ >> {pids}\nexec sleep 600\n")
    host.start()
    assert host.end() == 0
    assert pids.exists() and not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split())
    host.home.notify.unlink()
    host.start()
    assert host.end() == 0
    assert "cannot be run: No such file or directory" in host.log()


def test_systemd_is_told(host, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "systemd"))
        systemd.settimeout(PATIENCE)
        host.spawn(NOTIFY_SOCKET=str(tmp_path / "systemd"), WATCHDOG_USEC="200000")
        states = {systemd.recv(64) for _ in range(5)}
        while b"READY=1" not in states:
            states.add(systemd.recv(64))
        assert states == {b"READY=1", b"WATCHDOG=1"}
        for pid in host.pids().values():
            assert b"NOTIFY_SOCKET" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert host.end() == 0
        while (state := systemd.recv(64)) != b"STOPPING=1":
            assert state == b"WATCHDOG=1"
