"""THE TABLE: what crs-cli can do, from the words of an action to the function that carries it out.

The usage text, by which docopt reads the command line, is made from these rows (``usage``), and so are the help texts,
the man page and the completion. What an argument or option means is said once for all rows, in ``arguments`` and
``options``.

A function is named ``file.function`` below ``crs.cli`` and imported only when its action runs, so that a plain show
starts quickly. It takes ``(host, arguments)`` and returns a value of ``output``, to be printed.
"""

from typing import Any, NamedTuple

# The keys are docopt's, the values what their readers gave: ``{"<uri>": "+46701234567", "-B": 32, "--json": False}``.
Arguments = dict[str, Any]


class Action(NamedTuple):
    """One row: the function, its arguments and options as a docopt pattern, and what it does in one line."""

    function: str
    arguments: str
    help: str


_TRACE = "[--account ID] [--uri URI] [--json]"

ACTIONS: dict[str, Action] = {
    "apply": Action(
        "updates.apply",
        "<update-file> [--json]",
        "Check a protected monthly update, keep it unprotected, have the workers load it.",
    ),
    "backup": Action(
        "backup.write", "[--json]", "Write an archive of configuration, accounts and data to backup/ below the home."
    ),
    "show account": Action("accounts.show", "[--json]", "Accounts loaded by each process that handles clients."),
    "show admin": Action("admins.show", "<name> [--json]", "A remote admin and its secret."),
    "show admin-accounts": Action(
        "admins.accounts", "<name> [--json]", "The accounts a remote admin has access to, and what it may do there."
    ),
    "show admins": Action("admins.show_all", "[--json]", "The remote admins, and the accounts each has access to."),
    "show attach": Action(
        "clients.attach",
        "[--json]",
        "Attached clients: for how long (seconds), with which version, from where, to which host.",
    ),
    "show blacklist": Action("blacklist.show", "<account-id> [--json]", "The blacklisted clients of an account."),
    "show client-info": Action(
        "stored.infos", "<account-id> [--json]", "What the clients of an account told about themselves, and when."
    ),
    "show client-storage": Action(
        "stored.storage",
        "<account-id> [--json]",
        "What clients of an account store here: bytes, type, when it was last updated.",
    ),
    "show iw-crs": Action("peers.show", "[--json]", "State of the links to each inter-working CRS instance."),
    "show message": Action(
        "clients.message",
        "[--json]",
        "Messages posted by each client, how many were delivered, when it last looked for some.",
    ),
    "show push-token": Action(
        "push.tokens",
        "<account-id> <uri> [--json]",
        "The push tokens of a client: when they were created and saved, age (seconds), type.",
    ),
    "show relay": Action(
        "relay.statistics", "[--json]", "Packets and bytes of the media relay, by type of relay and in total."
    ),
    "show relays": Action("relay.relays", "[--json]", "Active relay resources."),
    "show services": Action("doctor.services", "[--json]", "Services of this host, and whether each is active."),
    "show session": Action(
        "clients.session", "[--json]", "Calls: who calls whom, for how long (seconds), and the state."
    ),
    "show system": Action("system.processes", "[--json]", "Processes of this host, and the slots allocated to each."),
    "show updates": Action(
        "updates.show", "[--json]", "When each account's updates for this month and the next were created (UTC)."
    ),
    "show version": Action("system.version", "[--json]", "Version of the installed CRS."),
    "create account": Action(
        "accounts.create",
        "<account-id> [-s SECRET | -b BITS | -B BYTES] [--json]",
        "Create an account; without -s its shared secret is generated and printed.",
    ),
    "create sharedSecret": Action(
        "accounts.create_secret",
        "[-b BITS | -B BYTES] [--json]",
        "Print a random string, base64 encoded; 128 bits unless told otherwise.",
    ),
    "create admin": Action(
        "admins.create", "<name> [--json]", "Create a remote admin; its secret is generated and printed."
    ),
    "create conference-room": Action(
        "rooms.create",
        "<number> <account-id> <uri> [--yes] [--json]",
        "Create a conference room that belongs to a client.",
    ),
    "reload account": Action(
        "reload.accounts",
        "[--json]",
        "Read the files of the accounts again; what was changed by hand becomes effective.",
    ),
    "delete account": Action(
        "accounts.delete",
        "<account-id> [--yes] [--json]",
        "Permanently delete an account, its updates and everything kept for its clients.",
    ),
    "delete iw-crs": Action("peers.delete", "<ip> [--json]", "Delete an inter-working CRS instance."),
    "delete admin": Action("admins.delete", "<name> [--json]", "Delete a remote admin."),
    "delete admin-account": Action(
        "admins.delete_account",
        "<name> <account-id> [--json]",
        "Take a remote admin's access to an account away, with all its authorizations.",
    ),
    "delete admin-account-authorization": Action(
        "admins.delete_authorization",
        "<name> <account-id> <authorization> [--json]",
        "Take an authorization for an account away from a remote admin.",
    ),
    "delete client-info": Action(
        "stored.delete_info", "<account-id> <uri> [--json]", "Delete what a client told about itself."
    ),
    "delete conference-room": Action(
        "rooms.delete", "<number> <account-id> <uri> [--json]", "Delete a conference room of a client."
    ),
    "list account": Action(
        "accounts.listing", "[--json]", "List the accounts: id, path of their files, shared secret."
    ),
    "list iw-crs": Action(
        "peers.listing", "[--json]", "List the inter-working CRS instances: IP, shared secret, comment."
    ),
    "list conference-room": Action("rooms.listing", "[--json]", "List all conference rooms and their owners."),
    "blacklist add": Action(
        "blacklist.add", "<account-id> <uri> [--yes] [--json]", "Stop a client from using the service, at once."
    ),
    "blacklist remove": Action(
        "blacklist.remove", "<account-id> <uri> [--json]", "Let a blacklisted client use the service again."
    ),
    "purge client": Action(
        "purge.client", "<account-id> <uri> [--json]", "Disconnect a client; it connects again by itself."
    ),
    "purge clients": Action(
        "purge.clients",
        "<account-id> [--yes] [--json]",
        "Disconnect all clients of an account; they connect again by themselves.",
    ),
    "purge observed": Action(
        "purge.observed",
        "<account-id> [--json]",
        "Forget the clients of an account that attached without being listed.",
    ),
    "add iw-crs": Action(
        "peers.add", "<ip> <shared-secret> [-c COMMENT] [--json]", "Add an inter-working CRS instance."
    ),
    "add admin-account": Action(
        "admins.add_account", "<name> <account-id> [--json]", "Give a remote admin access to an account."
    ),
    "add admin-account-authorization": Action(
        "admins.add_authorization",
        "<name> <account-id> <authorization> [--json]",
        "Authorize a remote admin for something on an account.",
    ),
    "lookup client": Action(
        "lookup.client",
        "<account-id> <uri> [-v] [--json]",
        "Where a client is: in the account's own domain, and in those connected with it.",
    ),
    "lookup conference-room": Action(
        "rooms.lookup",
        "<number> <account-id> [--json]",
        "Rooms of a number: in the account's own domain, and in those connected with it.",
    ),
    "trace attach": Action(
        "tracing.attach", _TRACE, "Clients that register, unregister or are denied, as it happens; ctrl-c ends it."
    ),
    "trace session": Action("tracing.session", _TRACE, "Calls and their states, as it happens; ctrl-c ends it."),
    "trace message": Action(
        "tracing.message", _TRACE, "Messages posted, delivered, forwarded, as it happens; ctrl-c ends it."
    ),
    "trace object": Action("tracing.object_", _TRACE, "Objects that clients store, as it happens; ctrl-c ends it."),
    "trace event": Action(
        "tracing.event", "[--json]", "Debug events that no other element is about, as it happens; ctrl-c ends it."
    ),
    "trace connection": Action(
        "tracing.connection", _TRACE, "Connections and their states, as it happens; ctrl-c ends it."
    ),
    "trace statistics": Action(
        "tracing.statistics", _TRACE, "What is counted for the statistics, as it happens; ctrl-c ends it."
    ),
    "stats enable": Action("settings.enable_statistics", "<account-id> [--json]", "Collect statistics for an account."),
    "stats disable": Action(
        "settings.disable_statistics", "<account-id> [--json]", "Collect no statistics for an account (the default)."
    ),
    "stats clear": Action("statistics.clear", "<account-id> [--json]", "Clear the statistics of an account."),
    "stats export": Action(
        "statistics.export",
        "<account-id> [--json]",
        "Print the statistics of an account, one client a line, separated by tabs.",
    ),
    "check": Action(
        "doctor.check",
        "[--json]",
        "Look at configuration and machine: what hinders this host, what is worth knowing, what is in use.",
    ),
    "check slot": Action("system.slot", "<uri> [--json]", "The slot number of a mobile number."),
    "identify": Action("identify.tag", "<tag> [--json]", "Whose tag in crs.log this is (log-identities no)."),
    "wakeup client": Action(
        "push.wakeup",
        "<account-id> <uri> [--json]",
        "Have a client connect by a push notification (push is not connected in this release).",
    ),
    "health-check system": Action(
        "health.system",
        "[--output-format FORMAT | --json]",
        "Test this host: processes, databases, relay, ports, disk, links, conservation.",
    ),
    "health-check account": Action(
        "health.account",
        "<account-id> [--local-only] [--output-format FORMAT | --json]",
        "Test an account: its updates, and a call and a message of temporary clients.",
    ),
    "update-notification enable": Action(
        "settings.enable_notification", "<account-id> [--json]", "Tell clients of an account of their crypto updates."
    ),
    "update-notification disable": Action(
        "settings.disable_notification",
        "<account-id> [--json]",
        "Tell clients of an account nothing of crypto updates (the default).",
    ),
}

EXIT_CODES = {
    0: "done",
    1: "not done; the reason is on standard error",
    2: "the command line was wrong",
    3: "health-check only: a warning (0: ok, 1: an error)",
}
