"""Applying a protected monthly update, by the operator's command or by a remote admin's: the same steps.

Never here: what an update may contain and which are refused (``trust.update``), and who may apply one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..home.accountfiles import AccountFiles
from ..store import Store
from ..trust import months
from ..trust import update as updates
from ..trust.update import Update


class Applied(NamedTuple):
    """``changed``: False for an update that was applied before."""

    update: Update
    changed: bool


def apply(
    store: Store,
    accounts: Path,
    protected: bytes,
    secret_of: Callable[[str], str | None],
    now: int,
    grace: int,
    aside: Callable = lambda work, *arguments: work(*arguments),
) -> Applied:
    """Refuse or accept a protected update; an accepted one becomes a record, and a file of its account in the
    directory ``accounts``. May be repeated.

    ``secret_of`` gives the shared secret of an account for which an update may be applied; ``grace`` (ms) is how long a
    month is honoured after its end; ``aside`` does work that takes long, where the caller may not stand still.
    Raises UpdateRefused, and nothing is changed; OSError where the directory cannot be written; Unavailable.
    """
    update = aside(updates.unprotect, protected, secret_of, now, grace)
    standing = held(store, update.account, update.month)
    updates.check_replaces(update, standing)
    files = AccountFiles(accounts, update.account)
    files.make()
    changed = update != standing
    if changed:
        store.accounts.put_update(update, now)
    files.write_update(update.month, aside(updates.encode, update))
    _forget_expired(store, files, now, grace)
    return Applied(update, changed)


def held(store: Store, account: str, month: str) -> Update | None:
    """The update that stands, whole."""
    head = store.accounts.update(account, month)
    return head and Update(
        account,
        month,
        head.created,
        head.month_key,
        head.domain_token,
        head.domains,
        store.accounts.crypto_updates(account, month),
    )


def _forget_expired(store: Store, files: AccountFiles, now: int, grace: int) -> None:
    """Remove updates of an account whose keys have run out."""
    kept = {month for account, month in store.accounts.created() if account == files.account}
    for month in kept.union(files.months()):
        if months.expired(month, now, grace):
            if month in kept:
                store.accounts.delete_update(files.account, month, now)
            files.remove_update(month)
