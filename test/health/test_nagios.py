"""The Nagios plugin: its codes, its one line, and its limit of time."""

import sys

from crs.cli.nagios import check
from test.hosts import running

from .test_health import started


def plugin(host, *arguments) -> tuple[int, list[str]]:
    done = host.run("check_crs", *arguments)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_ok(host, domain):
    started(host, domain)
    assert plugin(host) == (0, ["CRS OK - 15 tests passed|tests=15 failed=0"])
    assert plugin(host, "--account", "acme", "--local-only") == (0, ["CRS OK - 13 tests passed|tests=13 failed=0"])


def test_warning(host, domain):
    started(host, domain)
    host.cli("add", "iw-crs", "192.0.2.1", "0123456789abcdef0123456789abcdef")
    code, lines = plugin(host)
    host.cli("delete", "iw-crs", "192.0.2.1")
    assert code == 1
    assert lines == [
        "CRS WARNING - inter-working links: not connected in this release: 192.0.2.1|tests=15 failed=1",
        "warning: inter-working links: not connected in this release: 192.0.2.1",
    ]


def test_critical(tmp_path):
    with running(tmp_path) as host:
        pass
    code, (first, *others) = plugin(host)
    assert code == 2 and first.startswith("CRS CRITICAL - process redis_high: does not run; ") and len(others) > 5


def test_unknown(host, tmp_path):
    assert plugin(host, "--account", "nobody") == (
        3,
        ["CRS UNKNOWN - there is no account nobody; crs-cli list account shows which there are"],
    )
    assert plugin(host, "--acount", "x") == (3, ["CRS UNKNOWN - wrong options; see check_crs --help"])
    assert plugin(host, "--timeout", "soon") == (3, ["CRS UNKNOWN - --timeout needs a number of seconds"])
    assert plugin(host, "--home", tmp_path)[0] == 3
    assert check([str(tmp_path / "missing")], 1)[0] == 3


def test_a_check_that_hangs_is_critical():
    code, lines = check([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)
    assert (code, lines) == (2, ["the health check was not over within 0.2 s"])


def test_a_sign_that_nagios_reads_otherwise_is_not_passed_on():
    said = '{"result": "error", "tests": [{"test": "a|b", "result": "error", "description": "c\\nd"}]}'
    code, lines = check([sys.executable, "-c", f"print({said!r})"], 30)
    assert (code, lines) == (2, ["a/b: c d|tests=1 failed=1", "error: a/b: c d"])
