"""Actions about blocked clients: show blacklist, blacklist add, blacklist remove (manual, chapters 4.22, 5.4).

They change records; the workers follow within moments, and disconnect who is blocked.
"""

from ..errors import OperatorFault
from ..names import Client
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable, Utc


def show(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show blacklist``."""
    account = known.account(host, arguments)
    rows = (
        (client.uri, Utc(blocked.since))
        for client, blocked in host.store.operator.each_blocked()
        if client.account == account
    )
    return ResultTable(("URI",), rows, details=("since",))


def add(host: LocalHost, arguments: Arguments) -> Line:
    """``blacklist add``."""
    client = known.client_or_consent(host, arguments, "Blacklist it all the same?", "it was not blacklisted")
    if client in host.store.operator.blocked():
        raise OperatorFault(f"{client.uri} of {client.account} is blacklisted already")
    host.store.operator.block(client, host.now())
    return _told(client, "blacklisted", True)


def remove(host: LocalHost, arguments: Arguments) -> Line:
    """``blacklist remove``."""
    client = known.client(host, arguments)
    if client not in host.store.operator.blocked():
        raise OperatorFault(
            f"{client.uri} of {client.account} is not blacklisted; crs-cli show blacklist {client.account} shows who is"
        )
    host.store.operator.unblock(client, host.now())
    return _told(client, "not blacklisted any more", False)


def _told(client: Client, what: str, blacklisted: bool) -> Line:
    return Line(
        f"{client.uri} of {client.account} is {what}",
        {"account": client.account, "uri": client.uri, "blacklisted": blacklisted},
    )
