"""The action lookup client: in which domain and on which pool a client is found (manual, chapter 5.4).

Other pools are not asked: they are not connected in this release.
"""

from typing import TYPE_CHECKING

from ..errors import OperatorFault
from ..names import Client
from . import domains, known
from .actions import Arguments
from .host import LocalHost
from .output import ResultTable

if TYPE_CHECKING:  # imported by ``domains.view``
    from ..service.accounts import Accounts

OWN_POOL = "internal"  # as trace calls it (manual, chapter 5.4, trace message)


def client(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``lookup client``: in the account's own domain first, then in those connected with it."""
    uri, account = arguments["<uri>"], known.account(host, arguments)
    accounts = domains.view(host)
    order = domains.reached(accounts, account)
    if host.store.operator.peers():
        host.warn("inter-working links are not connected in this release: other pools were not asked")
    found = [Client(uri, domain) for domain in order if known.belongs(host, Client(uri, domain))]
    if not found:
        raise OperatorFault(f"no client {uri} in domain {' or '.join(order)}: neither listed nor seen")
    verbose, rows = arguments["-v"], []
    for client in found:
        tokens = _tokens(host, accounts, client) if verbose else ()
        rows.append((OWN_POOL, client.uri, client.account, *tokens, bool(host.store.directory.lookup(client))))
    columns = ("SOURCE", "URI", "DOMAIN", *(("CLIENT TOKEN", "DOMAIN TOKEN") if verbose else ()))
    return ResultTable(columns, rows, details=("attached",))


def _tokens(host: LocalHost, accounts: "Accounts", client: Client) -> tuple[str | None, str | None]:
    token, domain = host.store.objects.token(client), accounts.newest(client.account)
    return token.value if token else None, domain.domain_token if domain else None
