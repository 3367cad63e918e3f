"""The table of actions, the texts made from it, and command lines right and wrong."""

from importlib import import_module

import pytest

from crs.cli import usage
from crs.cli.actions import ACTIONS
from crs.cli.arguments import ARGUMENTS
from crs.cli.options import OPTIONS
from test.cli.lines import line_of


def parse(line: str) -> usage.CommandLine:
    return usage.parse(line.split())


def fault(line: str) -> str:
    with pytest.raises(usage.UsageFault) as caught:
        parse(line)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def help_of(line: str) -> str:
    with pytest.raises(usage.HelpAsked) as caught:
        parse(line)
    return str(caught.value)


@pytest.mark.parametrize("name", ACTIONS)
def test_every_row_has_a_function_and_a_help_of_one_line(name):
    row = ACTIONS[name]
    module, function = row.function.split(".")
    assert callable(getattr(import_module(f"crs.cli.{module}"), function))
    assert row.help.endswith(".") and "\n" not in row.help and len(row.help) < 100


def test_every_argument_and_option_is_declared_once_and_used():
    patterns = " ".join(row.arguments for row in ACTIONS.values()).replace("[", " ").replace("]", " ").split()
    assert {word for word in patterns if word.startswith("<")} == set(ARGUMENTS)
    used = {word for word in patterns if word.startswith("-")}
    declared = {head.split()[0] for head in OPTIONS} - {"--home", "-h,"}
    assert used == declared


def test_every_text_fits_a_terminal():
    for text in (usage.overview(), *map(usage.page, ACTIONS)):
        assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("show attach", "show attach", {"--json": False, "--home": None}),
        ("show attach --json", "show attach", {"--json": True}),
        ("--json show --home /x attach", "show attach", {"--json": True, "--home": "/x"}),
        ("--home=/x show attach", "show attach", {"--home": "/x"}),
        ("create account acme", "create account", {"<account-id>": "acme", "-s": None, "-b": None, "-B": None}),
        ("create account account", "create account", {"<account-id>": "account"}),
        ("create account acme -s c2VjcmV0", "create account", {"-s": "c2VjcmV0"}),
        ("create account -s - acme", "create account", {"-s": "-", "<account-id>": "acme"}),
        ("create account acme -s -h", "create account", {"-s": "-h"}),
        ("create sharedSecret -B32", "create sharedSecret", {"-B": 32}),
        ("create sharedSecret -B 32", "create sharedSecret", {"-B": 32}),
        ("create sharedSecret -b129", "create sharedSecret", {"-b": 129}),
        ("delete account acme --yes", "delete account", {"<account-id>": "acme", "--yes": True}),
        ("apply /tmp/2026-11.upd", "apply", {"<update-file>": "/tmp/2026-11.upd"}),
        ("check slot tel:+46-70-123.45.67", "check slot", {"<uri>": "+46701234567"}),
        ("--version", "show version", {"--json": False}),
    ],
)
def test_right_command_line(line, name, arguments):
    call = parse(line)
    assert call.name == name
    assert {key: call.arguments[key] for key in arguments} == arguments


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "no action given; see crs-cli --help"),
        ("shwo attach", "there is no action shwo; did you mean show?"),
        (
            "zzz",
            "there is no action zzz; one of: add, apply, backup, blacklist, check, create, delete, health-check, "
            "identify, list, lookup, purge, reload, show, stats, trace, update-notification, wakeup",
        ),
        ("create", "create what? one of: account, sharedSecret, admin, conference-room"),
        ("show atach", "there is no show atach; did you mean attach?"),
        ("create sharedsecret", "there is no create sharedsecret; did you mean sharedSecret?"),
        ("show attach --jsno", "show attach has no option --jsno; did you mean --json?"),
        ("show attach --js", "show attach has no option --js; did you mean --json?"),
        ("show attach -x", "show attach has no option -x; one of: --json, --home, -h, --help"),
        ("show attach now", "show attach takes no 'now'; usage: crs-cli show attach [--json]"),
        ("apply", "apply needs <update-file>; usage: crs-cli apply <update-file> [--json]"),
        ("create sharedSecret -B", "wrong options; usage: crs-cli create sharedSecret [-b BITS | -B BYTES] [--json]"),
        (
            "create sharedSecret -b 8 -B 1",
            "wrong options; usage: crs-cli create sharedSecret [-b BITS | -B BYTES] [--json]",
        ),
        ("create sharedSecret -B 0", "-B '0' is not valid: a whole number from 1 to 1024"),
        ("create sharedSecret -b many", "-b 'many' is not valid: a whole number from 1 to 8192"),
        ("create account a+b", "account id 'a+b' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'"),
        (
            "create account abcdefghijklmnopqrstu",
            "account id 'abcdefghijklmnopqrstu' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'",
        ),
        ("check slto", "there is no check slto; did you mean slot?"),
        ("identify me", "'me' is no tag; crs.log has such as id-202611-… and token-202611-…"),
        (
            "check slot 0701234567",
            "URI '0701234567' is not valid: a number such as +46701234567 or urn:x-crs:client:<name>",
        ),
    ],
)
def test_wrong_command_line(line, text):
    assert fault(line) == text


@pytest.mark.parametrize("name", ACTIONS)
def test_each_row_is_named_by_its_own_command_line(name):
    assert usage.parse([*line_of(name).split(), "--home", "/x"]).name == name


@pytest.mark.parametrize("line", ["create account show", "add admin-account add admin-account", "show admin admins"])
def test_an_argument_may_look_like_a_word_of_an_action(line):
    assert parse(line).name == " ".join(line.split()[:2])


def test_what_docopt_would_guess_is_refused():
    assert fault("delete account -5") == "delete account has no option -5; one of: --json, --yes, --home, -h, --help"
    assert fault("show attach --ho /x") == "show attach has no option --ho; did you mean --home?"


def test_a_secret_on_a_wrong_command_line_is_not_repeated():
    assert "hush" not in fault("create account -s hush")
    assert "hush" not in fault("create account acme -shush -b 8")


def test_help_at_every_level():
    everything = help_of("--help")
    assert all(name in everything for name in ACTIONS)
    assert "show attach" in help_of("show -h") and "delete account" not in help_of("show -h")
    page = help_of("create account --help")
    assert "-s SECRET" in page and "<account-id>" in page and "--yes" not in page
