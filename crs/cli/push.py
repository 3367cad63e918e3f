"""Actions about push: show push-token, wakeup client (manual, chapters 4.8, 5.4).

Never here: sending a notification. This release keeps and shows the tokens; it is connected with no push server.
"""

from ..errors import OperatorFault
from ..names import Client
from . import known
from .output import Table, Utc


def tokens(host, arguments) -> Table:
    """``show push-token``: one row for each device; age in seconds since the tokens were saved."""
    client, now = _existing(host, arguments), host.now()
    rows = [
        (
            Utc(one.created),
            Utc(one.saved),
            max(0, now - one.saved) // 1000,
            one.client_type,
            one.tokens,
            one.device_id,
            one.type,
        )
        for one in host.store.objects.push_tokens(client)
    ]
    return Table(("Created", "Saved", "Age", "Client-Type", "Tokens"), rows, details=("device_id", "type"))


def wakeup(host, arguments):
    """``wakeup client``: says plainly that it cannot."""
    client = _existing(host, arguments)
    attached = "it is attached now" if host.store.directory.lookup(client) else "it is not attached now"
    raise OperatorFault(f"{client.uri} was not woken: push is not connected in this release; {attached}")


def _existing(host, arguments) -> Client:
    client = known.client(host, arguments)
    if not known.belongs(host, client):
        raise OperatorFault(f"{client.account} has no client {client.uri}: neither listed nor seen")
    return client
