"""crs-cli as a program: on a terminal and in a pipe, exit codes, one line on standard error, and what it may import."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from crs.names import Client

PROGRAM = Path(__file__).parents[2] / "bin" / "crs-cli"
PATIENCE = 20  # seconds that a command may take
SECRET = "a secret of more than 128 bits"


def crs_cli(*arguments, home=None, stdin: str = "") -> subprocess.CompletedProcess:
    """Run it to its end, in pipes."""
    environment = {name: value for name, value in os.environ.items() if name != "CRS_HOME"}
    return subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)],
        input=stdin,
        text=True,
        capture_output=True,
        timeout=PATIENCE,
        env=environment | ({"CRS_HOME": str(home)} if home else {}),
    )


def terminal(home, *arguments, columns: int = 120, **environment) -> pexpect.spawn:
    """Start it on a terminal."""
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return pexpect.spawn(
        sys.executable,
        [str(PROGRAM), *arguments],
        timeout=PATIENCE,
        encoding="utf-8",
        env=plain | {"TERM": "xterm", "CRS_HOME": str(home)} | environment,
        dimensions=(40, columns),
    )


def ended(child: pexpect.spawn) -> tuple[str, int]:
    """The rest of what it printed, and its exit code."""
    text = child.read().replace("\r\n", "\n")
    child.close()
    return text, child.exitstatus


@pytest.fixture
def failed():
    """Run a command that must fail; its only line on standard error."""

    def run(code: int, *arguments, **options) -> str:
        done = crs_cli(*arguments, **options)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith("crs-cli: ") and done.stderr.count("\n") == 1
        return done.stderr[9:-1]

    return run


# --- output ---------------------------------------------------------------------------------------------------------


def test_an_account_from_beginning_to_end(home, store):
    created = crs_cli("create", "account", "acme", "-s", "-", home=home, stdin=SECRET + "\n")
    path = home.accounts / "acme"
    assert (created.returncode, created.stderr) == (0, "")
    assert created.stdout == f"ID\tpath\tshared secret\nacme\t{path}\t{SECRET}\n"
    assert crs_cli("list", "account", home=home).stdout == created.stdout
    assert json.loads(crs_cli("list", "account", "--json", home=home).stdout) == [
        {"id": "acme", "path": str(path), "shared_secret": SECRET}
    ]
    assert crs_cli("show", "updates", home=home).stdout == (
        "Account\tCurrent Month\tNext Month\nacme\tNot Available\tNot Available\n"
    )
    deleted = crs_cli("delete", "account", "acme", "--yes", "--home", home)
    assert (deleted.returncode, deleted.stdout) == (0, "account acme deleted, with what was kept for 0 clients\n")
    assert crs_cli("list", "account", home=home).stdout == "ID\tpath\tshared secret\n"


def test_a_terminal_gets_an_aligned_table(home, store):
    crs_cli("create", "account", "a-longer-account-id", "-s", SECRET, home=home)
    text, code = ended(terminal(home, "show", "updates"))
    assert code == 0
    assert text == (
        "Account              Current Month  Next Month\na-longer-account-id  Not Available  Not Available\n"
    )


@pytest.mark.parametrize(
    ("environment", "name"),
    [({}, "\x1b[31mcrs-cli:\x1b[0m"), ({"NO_COLOR": "1"}, "crs-cli:"), ({"TERM": "dumb"}, "crs-cli:")],
)
def test_colours_are_for_terminals_that_want_them(home, store, environment, name):
    text, code = ended(terminal(home, "show", "blacklist", "acme", **environment))
    assert (text, code) == (f"{name} there is no account acme; crs-cli list account shows which there are\n", 1)


def test_delete_account_asks_on_a_terminal(home, store):
    crs_cli("create", "account", "acme", "-s", SECRET, home=home)
    question = r"Permanently delete account acme, its updates and everything kept for its clients\? \[y/N\] "
    child = terminal(home, "delete", "account", "acme")
    child.expect(question)
    child.sendline("n")
    text, code = ended(child)
    assert "account acme was not deleted: not confirmed" in text and code == 1
    assert store.accounts.get("acme")
    child = terminal(home, "delete", "account", "acme")
    child.expect(question)
    child.sendline("y")
    text, code = ended(child)
    assert "account acme deleted" in text and code == 0
    assert store.accounts.get("acme") is None


def test_a_secret_typed_on_a_terminal_is_not_echoed(home, store):
    child = terminal(home, "create", "account", "acme", "-s", "-", "--json")
    child.expect("Shared secret: ")
    child.sendline("typed blindly, and long enough")
    text, code = ended(child)
    assert code == 0 and text.count("typed blindly") == 1  # in the result, not as an echo
    assert store.accounts.get("acme").secret == "typed blindly, and long enough"


def test_ctrl_c_at_a_question_changes_nothing(home, store):
    crs_cli("create", "account", "acme", "-s", SECRET, home=home)
    child = terminal(home, "delete", "account", "acme")
    child.expect("y/N")
    child.sendintr()
    _, code = ended(child)
    assert code == 130 and store.accounts.get("acme")


def test_a_reader_that_has_enough_is_no_error(home, store):
    for number in range(3000):
        store.mailbox.posted(Client(f"+4670{number:07}", "acme"))
    reader, writer = os.pipe()
    child = subprocess.Popen(
        [sys.executable, PROGRAM, "show", "message", "--home", str(home)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    os.read(reader, 20)
    os.close(reader)
    assert child.communicate(timeout=PATIENCE)[1] == "" and child.returncode == 0


# --- errors ---------------------------------------------------------------------------------------------------------


def test_exit_codes_of_a_wrong_command_line(failed):
    assert failed(2, "shwo", "attach") == "there is no action shwo; did you mean show?"
    assert failed(2, "create", "account", "a+b").startswith("account id 'a+b' is not valid")
    assert failed(2) == "no action given; see crs-cli --help"


def test_help_and_version_need_no_host(tmp_path):
    for arguments, expected in (
        (("--help",), "Usage: crs-cli <action> [options]"),
        (("--version",), "5.0.0"),
        (("show", "attach", "-h"), "Usage: crs-cli show attach [--json] [--home DIR]"),
        (("create", "sharedSecret", "--home", tmp_path), "=="),
    ):
        done = crs_cli(*arguments)
        assert (done.returncode, done.stderr) == (0, "") and expected in done.stdout


def test_a_home_that_is_none(failed, tmp_path):
    assert failed(1, "list", "account", "--home", tmp_path / "none") == (
        f"{tmp_path}/none is no home of a CRS; name one with --home or CRS_HOME, or make one: "
        f"crsd --init {tmp_path}/none"
    )


def test_a_fault_in_the_configuration_is_told_with_its_line(failed, home):
    home.local_conf.write_text("crsname crs7\n")
    assert failed(1, "list", "account", home=home).startswith("crs-local.conf:1:1: crs7 is not a host of crs.conf; ")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("list account", "redis_low is not running"),
        ("create account acme", "redis_low is not running"),
        ("show message", "redis_low is not running"),
        ("show attach", "redis_high is not running"),
        ("show relay", "the relay does not answer"),
    ],
)
def test_a_host_that_is_not_running(failed, home, words, part):
    home.redis_high_sock.unlink()
    home.redis_low_sock.unlink()
    told = failed(1, *words.split(), home=home)
    assert told.startswith(part)
    assert told.endswith(f"; the host is not running; start it: crsd --home {home}")
    assert list(home.accounts.iterdir()) == []


def test_a_part_that_is_down_while_the_host_runs(failed, home, store):
    home.processes.write_text(json.dumps([{"process": "crsd", "pid": os.getpid()}]))
    home.started_with.mkdir()
    for path in (home.conf, home.local_conf, home.relay_conf):
        (home.started_with / path.name).write_text(path.read_text())
    assert failed(1, "show", "relay", home=home).endswith(f"; see the logs in {home.log}")


def test_a_file_that_cannot_be_written_is_told(failed, home, store):
    home.accounts.rmdir()
    told = failed(1, "create", "account", "acme", "-s", SECRET, home=home)
    assert told == f"{home.accounts}/acme: No such file or directory"
    assert store.accounts.all() == {}


# --- quickness ------------------------------------------------------------------------------------------------------

HEAVY = {"gevent", "redis", "cryptography", "joserfc", "OpenSSL", "asyncio"}


def imported(home, words: str) -> set[str]:
    """The modules that were imported when a command ended."""
    code = (
        "import sys; from crs.cli.main import main; code = main(sys.argv[1:]); "
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *shlex.split(words)],
        text=True,
        capture_output=True,
        timeout=PATIENCE,
        cwd=PROGRAM.parents[1],
        env=os.environ | {"CRS_HOME": str(home)},
    )
    assert done.returncode == 0, done
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        "show attach",
        "show session",
        "show message",
        "show updates",
        "show account",
        "list account",
        "show version",
        "check slot +46701234567",
        "show admins",
        "show iw-crs",
        "list iw-crs",
        "list conference-room",
        "--complete 'crs-cli show '",
    ],
)
def test_a_plain_show_imports_nothing_heavy(home, store, unmeasured, words):
    """Each of these takes longer to import than all the rest of the command."""
    assert not HEAVY & imported(home, words)


@pytest.mark.parametrize("words", ["show version", "--version", "create sharedSecret", "--complete 'crs-cli show '"])
def test_what_needs_no_store_imports_none(home, words):
    assert not {"crs.store", "msgspec"} & imported(home, words)


def test_closed_outputs_leave_the_exit_code(home):
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = subprocess.run(
            [
                "/bin/sh",
                "-c",
                f'"$@" {closed}',
                "sh",
                sys.executable,
                str(PROGRAM),
                "show",
                "version",
                "--home",
                str(home),
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
