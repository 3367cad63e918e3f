"""Which domains an account reaches: its own, and those that it connects and that connect it back.

The rule is that of ``crs.service.accounts``, which the workers follow too. Never here: what is looked up in the domains.
"""


def view(host):
    """The accounts as a worker sees them (``crs.service.accounts.Accounts``), without their listed clients."""
    from ..service.accounts import Accounts, Month

    stored = host.store.accounts
    loaded = {account: {} for account in stored.all()}
    for head in stored.heads():
        if head.account in loaded:
            loaded[head.account][head.month] = Month(head.created, head.month_key, head.domain_token, head.domains, ())
    accounts = Accounts(host.conf.update_grace, host.now)
    accounts.load(host.store.operator.version(), loaded)
    return accounts


def reached(accounts, account: str) -> list[str]:
    """The own domain first, then the connected ones in the order of its update."""
    return [account, *accounts.connected(account)]
