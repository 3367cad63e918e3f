"""Actions about clients: who is attached, who calls whom, how many messages (manual, chapter 5.4, show).

Never here: how any of it is stored or printed.
"""

from .. import names
from .output import Table, Utc


def attach(host, arguments) -> Table:
    """``show attach``: one row for each registered device."""
    now = host.now()
    rows = [(client.uri, client.account, max(0, now - entry.since) // 1000, entry.version,
             endpoint(entry.ip, entry.port), entry.host, entry.type, entry.device_id, entry.worker)
            for client, entry in host.store.directory.attached()]
    return Table(("URI", "ACCOUNT", "TIME", "VERSION", "IP:PORT", "CRS"), sorted(rows),
                 details=("type", "device_id", "worker"))


def session(host, arguments) -> Table:
    """``show session``: calls under way, and those that ended a moment ago."""
    now = host.now()
    rows = []
    for call in sorted(host.store.calls.all(), key=lambda call: (call.created, call.id)):
        caller, callee = names.client(call.caller), names.client(call.callee)
        lasted = max(0, (call.ended or now) - call.created) // 1000
        rows.append((caller.uri, callee.uri, lasted, call.shown_state, call.id, caller.account, callee.account))
    return Table(("CALLER", "CALLEE", "TIME", "STATE"), rows, details=("session", "caller_account", "callee_account"))


def message(host, arguments) -> Table:
    """``show message``: one row for each client that ever posted or looked for messages."""
    rows = [(client.uri, counts.posted, counts.delivered, Utc(counts.read) if counts.read else None, client.account)
            for client, counts in sorted(host.store.mailbox.messages())]
    return Table(("URI", "POST", "DELIV", "READ", "ACCOUNT"), rows)


def endpoint(ip: str, port: int) -> str:
    """``ip:port``, an IPv6 address in brackets (RFC 3986)."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"

