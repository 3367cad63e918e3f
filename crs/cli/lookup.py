"""The action lookup client: in which domain and on which pool a client is found (manual, chapter 5.4).

Never here: look-ups in other pools, which are not connected in this release.
"""

from ..errors import OperatorFault
from ..names import Client
from . import domains, known
from .output import Table

OWN_POOL = "internal"  # as trace calls it (manual, chapter 5.4, trace message)


def client(host, arguments) -> Table:
    """``lookup client``: in the account's own domain first, then in those connected with it."""
    uri, account = arguments["<uri>"], known.account(host, arguments)
    accounts = domains.view(host)
    order = domains.reached(accounts, account)
    if host.store.operator.peers():
        host.warn("inter-working links are not connected in this release: other pools were not asked")
    found = [Client(uri, domain) for domain in order if known.belongs(host, Client(uri, domain))]
    if not found:
        raise OperatorFault(f"no client {uri} in domain {' or '.join(order)}: neither listed nor seen")
    columns, rows = ("SOURCE", "URI", "DOMAIN"), []
    for one in found:
        tokens = _tokens(host, accounts, one) if arguments["-v"] else ()
        rows.append((OWN_POOL, one.uri, one.account, *tokens, bool(host.store.directory.lookup(one))))
    if arguments["-v"]:
        columns += ("CLIENT TOKEN", "DOMAIN TOKEN")
    return Table(columns, rows, details=("attached",))


def _tokens(host, accounts, client: Client) -> tuple[str | None, str | None]:
    token, domain = host.store.objects.token(client), accounts.newest(client.account)
    return token and token.value, domain and domain.domain_token
