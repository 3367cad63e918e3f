"""``crsd`` on the command line: a fresh home, the exit code of the doctor, and answers to an operator's mistakes."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from crs import __version__
from crs.config import directives
from crs.config.settings import load
from crs.daemon.main import main
from crs.home.paths import NOTIFY_SH, Home

from ..hosts import free_port

CRSD = Path(__file__).parents[2] / "bin" / "crsd"


@pytest.fixture(autouse=True)
def umask():
    """``main`` sets the process's; give it back."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def home(tmp_path, capsys) -> Home:
    ports = ["--listen-port", str(free_port()), "--relay-port", str(free_port(socket.SOCK_DGRAM))]
    assert main(["--init", str(tmp_path / "home"), *ports]) == 0
    capsys.readouterr()
    return Home(tmp_path / "home")


# --- --init -----------------------------------------------------------------------------------------------------------


def test_a_fresh_home_is_ready_to_start(tmp_path, capsys):
    root = tmp_path / "deep" / "home"
    assert (
        main(
            [
                "--init",
                str(root),
                "--name",
                "north",
                "--ip",
                "2001:db8::1",
                "--listen-port",
                "443",
                "--relay-port",
                "1146",
            ]
        )
        == 0
    )
    conf = load(root)
    assert (conf.name, conf.hosts, conf.listen_port, conf.relay_port) == ("north", {"north": "2001:db8::1"}, 443, 1146)
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", conf.key)
    said = capsys.readouterr().out
    assert f"crsd --home {root} --standalone" in said
    assert conf.key not in said


def test_each_home_has_a_key_of_its_own(tmp_path):
    keys = set()
    for name in "abc":
        main(["--init", str(tmp_path / name)])
        keys.add(load(tmp_path / name).key)
    assert len(keys) == 3


def test_a_fresh_home_is_its_owners_alone(tmp_path):
    home = Home(tmp_path / "home")
    home.root.mkdir(0o755)
    assert main(["--init", str(home)]) == 0
    assert {path: oct(stat.S_IMODE(path.stat().st_mode)) for path in home.directories()} == {
        path: "0o700" for path in home.directories()
    }
    for path in (home.conf, home.local_conf, home.relay_conf):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert home.notify.read_text() == NOTIFY_SH
    assert os.access(home.notify, os.X_OK)


def test_notify_script_ends_well_with_and_without_logger(home, tmp_path):
    for path in (os.environ["PATH"], str(tmp_path)):
        done = subprocess.run(
            ["/bin/sh", home.notify, "app:attach:0", "killed by SIGKILL"],
            env={"PATH": path},
            capture_output=True,
            timeout=30,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    "given, told",
    [
        (["--name", "crs.1"], "ip: crs.1 is not a host name; write 1 to 20 of a-z, A-Z, 0-9, '-' and '_'"),
        (["--name", "crs1 x"], "ip: there are too many values; write ip <host> <address>"),
        (["--name", "crs1\nkey x"], "ip: a value is missing; write ip <host> <address>"),
        (["--name", ""], "ip: a value is missing; write ip <host> <address>"),
        (["--ip", "localhost"], "ip: localhost is not an IP address; write one such as 192.0.2.1 or 2001:db8::1"),
        (["--ip", "0.0.0.0"], "ip: 0.0.0.0 cannot be the address of one host; write the one that clients reach it at"),
        (["--listen-port", "99999"], "listen-port: 99999 is out of bounds; write a number, 1 to 65535"),
        (["--relay-port", "udp"], "relay-port: udp is not a whole number; write a number, 1 to 65535"),
        (["--listen-port", "8091"], "sync-port and listen-port are both 8091; choose a port of its own for each"),
    ],
)
def test_init_checks_what_it_is_given(tmp_path, capsys, given, told):
    assert main(["--init", str(tmp_path / "home"), *given]) == 1
    assert capsys.readouterr().err == f"crsd: {told}\n"
    assert not (tmp_path / "home").exists()


def test_init_touches_nothing_that_exists(tmp_path, capsys):
    (tmp_path / "precious").write_text("x")
    assert main(["--init", str(tmp_path)]) == 1
    assert main(["--init", str(tmp_path / "precious")]) == 1
    assert capsys.readouterr().err == "".join(
        f"crsd: {path} is not an empty directory; choose another, or remove it first\n"
        for path in (tmp_path, tmp_path / "precious")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_path_too_long_for_sockets_is_told(tmp_path, capsys):
    root = tmp_path / ("x" * 100)
    assert main(["--init", str(root)]) == 1
    assert "too long for a Unix socket (limit 107); choose a home with a shorter path" in capsys.readouterr().err
    assert not root.exists()


# --- --check ---------------------------------------------------------------------------------------------------------


def test_check_tells_and_fails(home, capsys):
    assert main(["--check", "--home", str(home)]) == 0
    assert capsys.readouterr().out.endswith(f"\n{home}: no faults\n")
    home.relay_conf.write_text("MAX_RTP_RELAYS=x\n")
    assert main(["--check", "--home", str(home)]) == 1
    assert capsys.readouterr().out == (
        f"crs-relay.conf:1:16: MAX_RTP_RELAYS: x is not a whole number; write a number, 0 to 1000000\n{home}: 1 fault\n"
    )


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [*directives.FILES, "notify.sh"])
def test_print_config(file, capsys):
    assert main(["--print-config", file]) == 0
    assert capsys.readouterr().out == (CRSD.parents[1] / "etc" / "crs" / file).read_text()


def test_mistakes_on_the_command_line(tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    for given, told in (
        (
            ["--print-config", "redis.conf"],
            "redis.conf is no file of the CRS; choose one of: crs.conf, crs-local.conf, crs-relay.conf, notify.sh",
        ),
        (["--init", ""], "--init: no directory is given; write crsd --init DIR"),
        (
            ["--home", str(nowhere)],
            f"there is no home {nowhere}; make one with crsd --init {nowhere}, or name another with --home or CRS_HOME",
        ),
        (["--module", "../x", "--home", str(tmp_path)], "there is no module ../x"),
        (["--module", "relay", "--home", str(tmp_path), "--lifeline-fd", "x"], "--lifeline-fd: x is not a number"),
    ):
        assert main(given) == 1
        assert capsys.readouterr().err == f"crsd: {told}\n"
    with pytest.raises(SystemExit) as usage:
        main(["--no-such-option"])
    assert usage.value.code not in (0, None)


def test_the_program_runs_from_any_directory(tmp_path):
    done = subprocess.run([sys.executable, CRSD, "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"crs {__version__}\n")


def test_without_the_packages_it_says_what_to_do(tmp_path):
    """As started by a Python that knows nothing of the virtual environment."""
    program = tmp_path / "bin" / "crsd"
    program.parent.mkdir()
    program.write_text(CRSD.read_text())
    (tmp_path / "crs").symlink_to(CRSD.parents[1] / "crs")
    done = subprocess.run([sys.executable, "-I", "-S", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        1,
        f"crsd: the Python package docopt is not installed; run: make -C {tmp_path} venv\n",
    )


def test_a_module_says_why_it_ends(home):
    """The relay as systemd starts it, on a port that is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        text = home.conf.read_text()
        taken = text.replace(f"relay-port {load(home).relay_port}\n", f"relay-port {other.getsockname()[1]}\n")
        assert taken != text
        home.conf.write_text(taken)
        done = subprocess.run(
            [sys.executable, CRSD, "--module", "relay", "--home", str(home)], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    assert re.search(r"WARN \| relay\(\d+\)\] relay cannot listen on 127", home.relay_log.read_text())
