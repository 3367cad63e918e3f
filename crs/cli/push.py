"""Actions about push: show push-token, wakeup client (manual, chapters 4.8, 5.4).

This release keeps and shows the tokens; it is connected with no push server.
"""

from typing import NoReturn

from ..errors import OperatorFault
from ..names import Client
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import ResultTable, Utc


def tokens(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show push-token``: one row for each device; age in seconds since the tokens were saved."""
    client, now = _existing(host, arguments), host.now()
    rows = [
        (
            Utc(held.created),
            Utc(held.saved),
            max(0, now - held.saved) // 1000,
            held.client_type,
            held.tokens,
            held.device_id,
            held.type,
        )
        for held in host.store.objects.push_tokens(client)
    ]
    return ResultTable(("Created", "Saved", "Age", "Client-Type", "Tokens"), rows, details=("device_id", "type"))


def wakeup(host: LocalHost, arguments: Arguments) -> NoReturn:
    """``wakeup client``: says plainly that it cannot."""
    client = _existing(host, arguments)
    attached = "it is attached now" if host.store.directory.lookup(client) else "it is not attached now"
    raise OperatorFault(f"{client.uri} was not woken: push is not connected in this release; {attached}")


def _existing(host: LocalHost, arguments: Arguments) -> Client:
    client = known.client(host, arguments)
    if not known.belongs(host, client):
        raise OperatorFault(f"{client.account} has no client {client.uri}: neither listed nor seen")
    return client
