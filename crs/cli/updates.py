"""Actions about monthly updates: apply, reload account, show updates (manual, chapters 4.21, 5.4).

Never here: what an update file may contain and which are refused (``trust.update``).
"""

from pathlib import Path

from .. import names
from ..errors import OperatorFault
from ..trust import months
from .accountfiles import AccountFiles, accounts_on_disk
from .output import Line, Table, Utc


def apply(host, arguments) -> Line:
    """``apply``: refuse or accept a protected update; an accepted one becomes a record, and a file of its account."""
    from ..trust import update as updates
    protected = _read(Path(arguments["<update-file>"]), updates.MAX_FILE)
    secrets = {account: known.secret for account, known in host.store.operator.accounts().items()}
    update = updates.unprotect(protected, secrets.get, host.now(), _grace(host))
    held = _held(host, update.account, update.month)
    updates.check_replaces(update, held)
    if update != held:
        host.store.operator.put_update(update, host.now())
    files = AccountFiles(host.home.accounts, update.account)
    files.write_update(update.month, updates.encode(update))
    _forget_expired(host, files)
    return Line(f"{_title(update.account, update.month)}, created {Utc(update.created)} UTC, "
                f"{len(update.clients)} clients, connected domains: {', '.join(update.domains) or 'none'}; "
                f"{'applied' if update != held else 'was applied already'}",
                {"account": update.account, "month": update.month, "created": Utc(update.created),
                 "clients": len(update.clients), "domains": update.domains, "changed": update != held})


def show(host, arguments) -> Table:
    """``show updates``: every account, for this month and the next."""
    created = host.store.operator.created()
    current = months.of(host.now())
    rows = [(account, *(_time(created.get((account, month))) for month in (current, months.after(current))))
            for account in host.store.operator.accounts()]
    return Table(("Account", "Current Month", "Next Month"), rows, absent="Not Available")


def reload(host, arguments) -> Line:
    """``reload account``: what a hand changed in the files becomes a record; files that are missing are written.

    A file that cannot be used is told and left out, the others count.
    """
    faults, changed = [], []
    on_disk = accounts_on_disk(host.home.accounts)
    for account in on_disk:
        for read in (_read_secret, _read_updates):
            changed += read(host, account, faults)
    _write_missing(host)
    for fault in faults:
        host.warn(fault)
    if faults:
        raise OperatorFault(f"{len(faults)} of the files are not loaded, for the reasons above; "
                            f"changed: {', '.join(changed) or 'nothing'}")
    return Line(f"{len(on_disk)} accounts read; changed: {', '.join(changed) or 'nothing'}",
                {"accounts": on_disk, "changed": changed})


# --- apply ----------------------------------------------------------------------------------------------------------

def _read(path: Path, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise OperatorFault(f"cannot read {path}: {error.strerror}") from None


def _held(host, account: str, month: str):
    """The update that stands, whole, or None."""
    from ..trust.update import Update
    held = host.store.operator.update(account, month)
    return held and Update(account, month, held.created, held.month_key, held.domain_token, held.domains,
                           host.store.operator.crypto_updates(account, month))


def _forget_expired(host, files: AccountFiles) -> None:
    """Remove updates of an account whose keys have run out."""
    kept = {month for account, month in host.store.operator.created() if account == files.account}
    for month in kept.union(files.months()):
        if months.expired(month, host.now(), _grace(host)):
            if month in kept:
                host.store.operator.delete_update(files.account, month, host.now())
            files.remove_update(month)


def _grace(host) -> int:
    return host.conf.update_grace * months.DAY


def _time(created: int | None) -> Utc | None:
    return None if created is None else Utc(created)


def _title(account: str, month: str) -> str:
    return f"{account} {month[:4]}-{month[4:]}"


# --- reload account -------------------------------------------------------------------------------------------------

def _read_secret(host, account: str, faults: list[str]) -> list[str]:
    """Take an account's secret from its file; returns what changed."""
    try:
        secret = AccountFiles(host.home.accounts, names.account(account)).secret()
    except (OperatorFault, ValueError) as error:
        faults.append(str(error))
        return []
    known = host.store.operator.account(account)
    if secret is None or known and known.secret == secret:
        return []
    now = host.now()
    host.store.operator.put_account(account, secret, known.created if known else now, now)
    return [f"{account} (shared secret)" if known else f"{account} (new)"]


def _read_updates(host, account: str, faults: list[str]) -> list[str]:
    """Take an account's updates from their files; returns what changed."""
    from ..trust import update as updates
    files, changed = AccountFiles(host.home.accounts, account), []
    for month in files.months():
        if months.expired(month, host.now(), _grace(host)):
            continue
        try:
            update = updates.decode(files.update(month))
            if (update.account, update.month) != (account, month):
                raise OperatorFault(f"it is the update of {_title(update.account, update.month)}")
            updates.check_time(update, host.now(), _grace(host))
            held = _held(host, account, month)
            updates.check_replaces(update, held)
        except OperatorFault as fault:
            faults.append(f"{files.update_path(month)}: {fault}")
            continue
        if update != held:
            host.store.operator.put_update(update, host.now())
            changed.append(_title(account, month))
    return changed


def _write_missing(host) -> None:
    """Write the files that a record has and the disk does not."""
    from ..trust.update import encode
    for account, known in host.store.operator.accounts().items():
        files = AccountFiles(host.home.accounts, account)
        if files.secret() is None:
            files.write_secret(known.secret)
    for account, month in host.store.operator.created():
        files = AccountFiles(host.home.accounts, account)
        if files.update(month) is None:
            files.write_update(month, encode(_held(host, account, month)))
