"""Applying a protected monthly update, by the operator's command or by a remote admin's: the same steps.

What an update may contain and which are refused: ``trust.update``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from ..home.accountfiles import AccountFiles
from ..store.accounts import AccountRecords
from ..trust import months
from ..trust import update as updates
from ..trust.update import Update

Result = TypeVar("Result")


class Aside(Protocol):
    """Does work that takes long, for a caller that may not stand still, and returns its result."""

    def __call__(self, work: Callable[[], Result]) -> Result: ...


def at_once(work: Callable[[], Result]) -> Result:
    """For a caller that may stand still."""
    return work()


class Applied(NamedTuple):
    """``changed``: False for an update that was applied before."""

    update: Update
    changed: bool


def apply(
    records: AccountRecords,
    accounts: Path,
    protected: bytes,
    secret_of: Callable[[str], str | None],
    now: int,
    grace: int,
    aside: Aside = at_once,
) -> Applied:
    """Refuse or accept a protected update; an accepted one becomes a record, and a file of its account in the
    directory ``accounts``. May be repeated.

    ``secret_of`` gives the shared secret of an account for which an update may be applied; ``grace`` (ms) is how long a
    month is honoured after its end; ``aside`` does the work that takes long.
    Raises UpdateRefused, and nothing is changed; OSError where the directory cannot be written; Unavailable.
    """
    update = aside(lambda: updates.unprotect(protected, secret_of, now, grace))
    standing = held(records, update.account, update.month)
    updates.check_replaces(update, standing)
    files = AccountFiles(accounts, update.account)
    files.make()
    changed = update != standing
    if changed:
        records.put_update(update, now)
    files.write_update(update.month, aside(lambda: updates.encode(update)))
    _forget_expired(records, files, now, grace)
    return Applied(update, changed)


def held(records: AccountRecords, account: str, month: str) -> Update | None:
    """The update that stands, whole."""
    head = records.update(account, month)
    return head and Update(
        account,
        month,
        head.created,
        head.month_key,
        head.domain_token,
        head.domains,
        records.crypto_updates(account, month),
    )


def _forget_expired(records: AccountRecords, files: AccountFiles, now: int, grace: int) -> None:
    """Remove updates of an account whose keys have run out."""
    kept = {month for account, month in records.created() if account == files.account}
    for month in kept.union(files.months()):
        if months.expired(month, now, grace):
            if month in kept:
                records.delete_update(files.account, month, now)
            files.remove_update(month)
