"""``check_crs``: a health check as a Nagios plugin: exit codes, one line of text, a limit of time (Monitoring Plugins
Development Guidelines).

The check runs as a process of its own, so that one that hangs is ended and reported in time.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from docopt import DocoptExit, docopt

USAGE = """check_crs: a health check of this CRS host for Nagios.

Usage:
  check_crs [--account ID] [--local-only] [--timeout SECONDS] [--home DIR]
  check_crs -h | --help

Options:
  --account ID       test this account, by temporary test clients, in place of the system
  --local-only       test clients attach to this host only
  --timeout SECONDS  give up after so long [default: 60]
  --home DIR         home directory of the CRS (else CRS_HOME, else /opt/crs)
  -h, --help         show this text

Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown (the check itself could not be made).
"""

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
CODES = {"ok": OK, "warning": WARNING, "error": CRITICAL}  # result of a health check -> Nagios's
PROGRAM = Path(__file__).parents[2] / "bin" / "crs-cli"


def main(argv: list[str] | None = None) -> int:
    """Make the check, print what Nagios shows, return its code."""
    try:
        given = docopt(USAGE, argv, default_help=False)
        if given["--help"]:
            print(USAGE, end="")
            return UNKNOWN
        code, lines = check(_command(given), float(given["--timeout"]))
    except DocoptExit:
        code, lines = UNKNOWN, ["wrong options; see check_crs --help"]
    except ValueError:
        code, lines = UNKNOWN, ["--timeout needs a number of seconds"]
    print(f"CRS {WORDS[code]} - {lines[0]}", *lines[1:], sep="\n")
    return code


def _command(given: dict[str, Any]) -> list[str]:
    area = ["account", given["--account"]] if given["--account"] else ["system"]
    local = ["--local-only"] if given["--local-only"] and given["--account"] else []
    home = ["--home", given["--home"]] if given["--home"] else []
    return [sys.executable, str(PROGRAM), "health-check", *area, *local, *home, "--output-format", "json"]


def check(command: list[str], timeout: float) -> tuple[int, list[str]]:
    """Run a health check; returns Nagios's code, and lines: the first is the summary, the others are what is wrong."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return CRITICAL, [f"the health check was not over within {timeout:g} s"]
    except OSError as error:
        return UNKNOWN, [_plain(str(error))]
    try:
        told = json.loads(done.stdout)
        tests, code = told["tests"], CODES[told["result"]]
    except (ValueError, KeyError):
        return UNKNOWN, [_plain(done.stderr.strip().removeprefix("crs-cli: ") or "the health check said nothing")]
    wrong = [test for test in tests if test["result"] != "ok"]
    figures = f"|tests={len(tests)} failed={len(wrong)}"
    if not wrong:
        return code, [f"{len(tests)} tests passed{figures}"]
    worst = [test for test in wrong if CODES[test["result"]] == code]
    return code, [
        _plain(f"{worst[0]['test']}: {worst[0]['description']}") + figures,
        *(_plain(f"{test['result']}: {test['test']}: {test['description']}") for test in wrong),
    ]


def _plain(text: str) -> str:
    """On one line, without the ``|`` that begins the performance data."""
    return " ".join(text.replace("|", "/").split())
