"""What the doctor sees of a machine, on machines that are short of something."""

import os
import resource
import subprocess
import sys

import pytest

from crs.daemon import machine
from crs.home.paths import Home

NOW = 1_795_564_800.0


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "crs")
    home.create({"crs.conf": "", "crs-local.conf": ""})
    for path in home.root.rglob("*"):
        os.utime(path, (NOW, NOW))
    return home


def test_limits_against_what_is_configured():
    settings = {"net.core.somaxconn": (128, 1024, "clients that wait"), "net.core.rmem_max": (None, 4096, "bytes")}
    assert list(machine.limits(1024, 3, settings)) == [
        "ulimit -n is 1024: 3 attach-workers serve about 2880 clients; for more raise it (LimitNOFILE= of the service "
        "crs)",
        "net.core.somaxconn is 128, less than the 1024 clients that wait; sysctl -w net.core.somaxconn=1024",
    ]
    assert list(machine.limits(65_536, 2, {"net.core.somaxconn": (1024, 1024, "clients that wait")})) == []


def test_open_files_of_this_shell_and_of_a_process_that_runs():
    own = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert machine.open_files(None) == machine.open_files(os.getpid()) == own
    with subprocess.Popen(["/bin/sh", "-c", "ulimit -n 200; echo; exec sleep 60"], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert machine.open_files(other.pid) == 200
        other.kill()
    assert machine.open_files(other.pid) == own  # it has ended


def test_kernel_settings():
    assert machine.sysctl("net.core.somaxconn") > 0 and machine.sysctl("net.core.no_such_thing") is None


def test_a_clock_that_went_back(home):
    account = home.accounts / "acme"
    account.mkdir()
    (account / "account.conf").write_text("")
    os.utime(account / "account.conf", (NOW, NOW))
    behind = [text for text in machine.clock(home, NOW - 3600) if "behind" in text]
    assert behind == [
        "the clock is 3600 s behind files that the host wrote; set it right, or clients find their keys not valid yet"
    ]
    assert not [text for text in machine.clock(home, NOW) if "behind" in text]


@pytest.mark.parametrize("told", [True, False])
def test_a_clock_that_nobody_keeps_right(home, monkeypatch, told):
    monkeypatch.setattr(machine, "synchronised", lambda: told)
    assert any("not synchronised" in text for text in machine.clock(home, NOW)) is not told


def test_the_kernel_is_asked():
    program = "import crs.daemon.machine; print(crs.daemon.machine.synchronised())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told in ("True\n", "False\n")


def test_modes(home):
    assert list(machine.modes(home, True)) == []
    home.conf.chmod(0o646)
    (home.accounts / "acme").mkdir(mode=0o755)
    (home.accounts / "acme").chmod(0o755)
    home.data.chmod(0o750)
    assert list(machine.modes(home, True)) == [
        f"crs.conf: every user of this machine can read it, and there are secrets in it; chmod o-r {home.conf}",
        f"every user of this machine can change {home.conf}; chmod o-w {home.conf}",
        f"others than its owner can read {home.accounts / 'acme'} and 1 more; chmod go= {home.accounts / 'acme'}, or "
        "start the host, which does it",
    ]
    assert "secrets" not in "".join(machine.modes(home, False))
