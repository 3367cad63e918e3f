"""THE TABLE: what crs-cli can do, from the words of an action to the function that carries it out.

Lives here: words, arguments, options and their help, each in one place; the usage texts (and the man page) are made
from them. Never here: code that does something. A function is named ``file.function`` below ``crs.cli`` and imported
only when its action runs, so that a plain show starts quickly. It takes ``(host, arguments)`` and returns what to
print, as a value of ``output``; the arguments have passed their readers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import names
from . import reading


class Action(NamedTuple):
    """One row: the function, its arguments and options as a docopt pattern, and what it does in one line."""

    function: str
    arguments: str
    help: str


ACTIONS: dict[str, Action] = {
    "apply": Action("updates.apply", "<update-file> [--json]",
                    "Check a protected monthly update, keep it unprotected, have the workers load it."),

    "create account": Action("accounts.create", "<account-id> [-s SECRET | -b BITS | -B BYTES] [--json]",
                             "Create an account; without -s its shared secret is generated and printed."),
    "create sharedSecret": Action("accounts.create_secret", "[-b BITS | -B BYTES] [--json]",
                                  "Print a random string, base64 encoded; 128 bits unless told otherwise."),
    "list account": Action("accounts.listing", "[--json]",
                           "List the accounts: id, path of their files, shared secret."),
    "delete account": Action("accounts.delete", "<account-id> [--yes] [--json]",
                             "Permanently delete an account, its updates and everything kept for its clients."),
    "reload account": Action("reload.accounts", "[--json]",
                             "Read the files of the accounts again; what was changed by hand becomes effective."),

    "show account": Action("accounts.show", "[--json]",
                           "Accounts loaded by each process that handles clients."),
    "show attach": Action("clients.attach", "[--json]",
                          "Attached clients: for how long (seconds), with which version, from where, to which host."),
    "show message": Action("clients.message", "[--json]",
                           "Messages posted by each client, how many were delivered, when it last looked for some."),
    "show relay": Action("relay.statistics", "[--json]",
                         "Packets and bytes of the media relay, by type of relay and in total."),
    "show relays": Action("relay.relays", "[--json]",
                          "Active relay resources."),
    "show session": Action("clients.session", "[--json]",
                           "Calls: who calls whom, for how long (seconds), and the state."),
    "show system": Action("system.processes", "[--json]",
                          "Processes of this host, and the slots allocated to each."),
    "show updates": Action("updates.show", "[--json]",
                           "When each account's updates for this month and the next were created (UTC)."),
    "show version": Action("system.version", "[--json]",
                           "Version of the installed CRS."),

    "check slot": Action("system.slot", "<uri> [--json]",
                         "The slot number of a mobile number."),
}


class Argument(NamedTuple):
    """What an argument or option means, and the reader that its text must pass (it raises ValueError)."""

    help: str
    read: Callable[[str], Any] = str


ARGUMENTS: dict[str, Argument] = {
    "<account-id>": Argument("1 to 20 of a-z, A-Z, 0-9, '-' and '_'", names.account),
    "<update-file>": Argument("path of the protected update file that the CMS wrote"),
    "<uri>": Argument("a number such as +46701234567, or urn:x-crs:client:<name>", names.uri),
}

OPTIONS: dict[str, Argument] = {
    "-s SECRET": Argument("shared secret, as agreed with the CMS; '-' reads it from standard input"),
    "-b BITS": Argument("length of the secret in bits, rounded up to whole bytes", reading.number(1, 8192)),
    "-B BYTES": Argument("length of the secret in bytes", reading.number(1, 1024)),
    "--json": Argument("print JSON instead of a table"),
    "--yes": Argument("do not ask"),
    "--home DIR": Argument("home directory of the CRS (else CRS_HOME, else /opt/crs)"),
    "-h, --help": Argument("show this text"),
}

EVERYWHERE = "[--home DIR]"

EXIT_CODES = {0: "done", 1: "not done; the reason is on standard error", 2: "the command line was wrong"}
