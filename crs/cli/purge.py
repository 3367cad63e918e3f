"""Actions that disconnect clients, which connect again by themselves: purge client, clients, observed (manual, 5.4).

The worker that has the connection closes it.
"""

from ..errors import OperatorFault
from ..names import Client
from ..store.directory import Entry
from . import asking, known
from .actions import Arguments
from .host import LocalHost
from .output import Line, counted
from .progress import Progress

REASON = "purged"


def client(host: LocalHost, arguments: Arguments) -> Line:
    """``purge client``: every device of it."""
    client = known.client(host, arguments)
    entries = host.store.directory.lookup(client)
    if not entries:
        raise OperatorFault(
            f"{client.uri} of account {client.account} is not attached; crs-cli show attach shows who is"
        )
    for entry in entries:
        _purge(host, client, entry)
    return Line(
        f"{client.uri} of account {client.account} purged from {counted(len(entries), 'connection')}",
        {"account": client.account, "uri": client.uri, "connections": len(entries)},
    )


def clients(host: LocalHost, arguments: Arguments) -> Line:
    """``purge clients``: every attached client of an account."""
    account = known.account(host, arguments)
    if not arguments["--yes"]:
        asking.confirm(f"Disconnect all clients of account {account}?", f"the clients of {account} were not purged")
    count, connections, before = 0, 0, None
    with Progress("clients purged") as progress:
        for client, entry in host.store.directory.attached():
            if client.account == account:
                _purge(host, client, entry)
                count, connections, before = count + (client != before), connections + 1, client
                progress.at(count)
    return Line(
        f"{counted(count, 'client')} of account {account} purged",
        {"account": account, "clients": count, "connections": connections},
    )


def observed(host: LocalHost, arguments: Arguments) -> Line:
    """``purge observed``: an attached client is observed again when it registers the next time."""
    account = known.account(host, arguments)
    count = host.store.objects.forget_observed(account)
    return Line(
        f"{counted(count, 'observed client')} of account {account} purged", {"account": account, "observed": count}
    )


def _purge(host: LocalHost, client: Client, entry: Entry) -> None:
    """Tell the worker; where none listens, delete the entry that it left behind."""
    if not host.store.directory.dismiss(entry, REASON):
        host.store.directory.unregister(client, entry.device_id, entry.connection)
