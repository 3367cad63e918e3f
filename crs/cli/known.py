"""The account or client that an action is about, which must exist. The error for a name that does not has a remedy."""

from ..errors import OperatorFault
from ..names import Client
from . import asking
from .actions import Arguments
from .host import LocalHost


def account(host: LocalHost, arguments: Arguments) -> str:
    """The account that ``<account-id>`` names. Raises OperatorFault where there is none."""
    name: str = arguments["<account-id>"]
    if host.store.accounts.get(name) is None:
        raise no_account(name)
    return name


def no_account(name: str) -> OperatorFault:
    return OperatorFault(f"there is no account {name}; crs-cli list account shows which there are")


def client(host: LocalHost, arguments: Arguments) -> Client:
    """The client that ``<account-id>`` and ``<uri>`` name; the account exists. Raises OperatorFault."""
    return Client(arguments["<uri>"], account(host, arguments))


def belongs(host: LocalHost, client: Client) -> bool:
    """Whether a client is listed in an update of its account that is held, or was seen to attach."""
    stored = host.store.accounts
    months = [month for owner, month in stored.created() if owner == client.account]
    return (
        any(stored.crypto_update(client, month) is not None for month in months)
        or host.store.objects.observed([client])[0]
    )


def client_or_consent(host: LocalHost, arguments: Arguments, question: str, undone: str) -> Client:
    """As ``client``, but a client that was neither listed nor seen may be a slip, and needs a yes."""
    found = client(host, arguments)
    if not arguments["--yes"] and not belongs(host, found):
        asking.confirm(
            f"{found.account} has no client {found.uri}, neither listed nor seen. {question}",
            f"{found.account} has no client {found.uri}; {undone}",
        )
    return found
