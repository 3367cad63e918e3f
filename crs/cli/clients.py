"""Actions about clients: who is attached, who calls whom, how many messages (manual, chapter 5.4, show)."""

from collections.abc import Iterator
from itertools import groupby

from .. import names
from .actions import Arguments
from .host import LocalHost
from .output import ResultTable, Row, Utc


def attach(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show attach``: one row for each registered device, in the order of the clients."""
    return ResultTable(
        ("URI", "ACCOUNT", "TIME", "VERSION", "IP:PORT", "CRS"),
        _attached(host),
        details=("type", "device_id", "worker"),
    )


def _attached(host: LocalHost) -> Iterator[Row]:
    now = host.now()
    for client, devices in groupby(host.store.directory.attached(), lambda found: found[0]):
        yield from sorted(
            (
                *client,
                max(0, now - entry.since) // 1000,
                entry.version,
                endpoint(entry.ip, entry.port),
                entry.host,
                entry.type,
                entry.device_id,
                entry.worker,
            )
            for _, entry in devices
        )


def session(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show session``: calls under way, and those that ended a moment ago."""
    return ResultTable(
        ("CALLER", "CALLEE", "TIME", "STATE"), _sessions(host), details=("session", "caller_account", "callee_account")
    )


def _sessions(host: LocalHost) -> Iterator[Row]:
    now = host.now()
    for call in host.store.calls.all():
        caller, callee = names.client(call.caller), names.client(call.callee)
        lasted = max(0, (call.ended or now) - call.created) // 1000
        yield caller.uri, callee.uri, lasted, call.shown_state, call.id, caller.account, callee.account


def message(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show message``: one row for each client that ever posted or looked for messages."""
    rows = (
        (client.uri, counts.posted, counts.delivered, Utc(counts.read) if counts.read else None, client.account)
        for client, counts in host.store.mailbox.messages()
    )
    return ResultTable(("URI", "POST", "DELIV", "READ", "ACCOUNT"), rows)


def endpoint(ip: str, port: int) -> str:
    """``ip:port``, an IPv6 address in brackets (RFC 3986)."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
