"""Which domains an account reaches: its own, and those that it connects and that connect it back.

The rule is that of ``crs.service.accounts``, which the workers follow, too.
"""

from typing import TYPE_CHECKING

from .host import LocalHost

if TYPE_CHECKING:  # imported only by the look-ups, as it takes long
    from ..service.accounts import Accounts


def view(host: LocalHost) -> "Accounts":
    """The accounts as a worker sees them, without their listed clients."""
    from ..service.accounts import Accounts, Month

    records = host.store.accounts
    loaded: dict[str, dict[str, Month]] = {account: {} for account in records.all()}
    for head in records.heads():
        if head.account in loaded:
            loaded[head.account][head.month] = Month(head.created, head.month_key, head.domain_token, head.domains, ())
    accounts = Accounts(host.conf.update_grace, host.now)
    accounts.load(host.store.operator.version(), loaded)
    return accounts


def reached(accounts: "Accounts", account: str) -> list[str]:
    """The own domain first, then the connected ones in the order of its update."""
    return [account, *accounts.connected(account)]
