"""From the operator's records to what a worker holds of them in memory (``accounts``, ``rules``)."""

from .. import log
from ..store import Store
from ..store.accounts import HeldUpdate
from .accounts import Accounts, Month
from .rules import Rules

LOG = log.get("attach")


def refresh(accounts: Accounts, store: Store) -> bool:
    """Load the records anew when their version moved; returns whether it did. Raises Unavailable."""
    version = store.operator.version()
    if version == accounts.version:
        return False
    # Updates first: an account that is being deleted is then gone, never one whose months have all run out.
    held = {(head.account, head.month): _month(accounts, store, head) for head in store.accounts.heads()}
    loaded: dict[str, dict[str, Month]] = {account: {} for account in store.accounts.all()}
    for (account, name), month in held.items():
        if account in loaded and month is not None:
            loaded[account][name] = month
    accounts.load(version, loaded, Rules.read(store.operator))
    LOG.info(f"accounts loaded: {', '.join(sorted(loaded)) or 'none'}")
    return True


def _month(accounts: Accounts, store: Store, head: HeldUpdate) -> Month | None:
    """The month of an update: the one held already where the update is the same, for its clients may be many."""
    known = accounts.months.get(head.account, {}).get(head.month)
    if known is not None and (known.created, known.applied) == (head.created, head.applied):
        return known
    update = store.accounts.update(head.account, head.month)
    if update is None:
        return None
    return Month(update.created, update.month_key, update.domain_token, update.domains, update.uris, update.applied)
