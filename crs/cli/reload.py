"""The action reload account: what was changed by hand in the files of accounts becomes a record (manual, chapter 5.4).

A file that cannot be used is reported and left out; the others count.
"""

from .. import names
from ..errors import OperatorFault
from ..home.accountfiles import AccountFiles, accounts_on_disk
from ..trust import months
from . import updates
from .actions import Arguments
from .host import LocalHost
from .output import Line


def accounts(host: LocalHost, arguments: Arguments) -> Line:
    """``reload account``; files that are missing are written."""
    faults: list[str] = []
    changed: list[str] = []
    on_disk = accounts_on_disk(host.home.accounts)
    for account in on_disk:
        changed += _read(host, account, faults)
    _write_missing(host)
    for fault in faults:
        host.warn(fault)
    summary = f"changed: {', '.join(changed) or 'nothing'}"
    if faults:
        raise OperatorFault(f"{len(faults)} of the files {'is' if len(faults) == 1 else 'are'} not loaded; {summary}")
    return Line(f"{len(on_disk)} accounts read; {summary}", {"accounts": on_disk, "changed": changed})


def _read(host: LocalHost, account: str, faults: list[str]) -> list[str]:
    """Read all files of one account; returns what changed."""
    files, changed = AccountFiles(host.home.accounts, account), []
    try:
        changed += _take_secret(host, files)
    except (OperatorFault, ValueError) as fault:
        faults.append(str(fault))
    if host.store.accounts.get(account) is None:
        return changed
    for month in files.months():
        try:
            changed += _take_update(host, files, month)
        except OperatorFault as fault:
            faults.append(f"{files.update_path(month)}: {fault}")
    return changed


def _take_secret(host: LocalHost, files: AccountFiles) -> list[str]:
    """Make a record of the shared secret, if it is another than the known one. Raises OperatorFault, ValueError."""
    account = names.account(files.account)
    secret, known = files.secret(), host.store.accounts.get(account)
    if secret is None and known is None:
        if not files.exists():  # deleted since it was listed
            return []
        raise OperatorFault(f"{files.path}: there is no {files.conf.name}; crs-cli create account makes one")
    if secret is None or known and known.secret == secret:
        return []
    now = host.now()
    host.store.accounts.put(account, secret, known.created if known else now, now)
    return [f"{account} (shared secret)" if known else f"{account} (new)"]


def _take_update(host: LocalHost, files: AccountFiles, month: str) -> list[str]:
    """Make a record of one month's update, if it is another than the known one. Raises OperatorFault."""
    from ..service import monthly
    from ..trust import update as trusted

    now, grace = host.now(), updates.grace(host)
    if months.expired(month, now, grace):
        return []
    content = files.update(month)
    if content is None:  # deleted since it was listed
        return []
    if content.startswith(b"eyJ"):  # what every JOSE header starts with
        raise OperatorFault(f"it is protected; crs-cli apply {files.update_path(month)}")
    update = trusted.decode(content)
    if (update.account, update.month) != (files.account, month):
        raise OperatorFault(f"it is the update of {updates.title(update.account, update.month)}")
    trusted.check_time(update, now, grace)
    standing = monthly.held(host.store.accounts, files.account, month)
    trusted.check_replaces(update, standing)
    if update == standing:
        return []
    host.store.accounts.put_update(update, now)
    return [updates.title(files.account, month)]


def _write_missing(host: LocalHost) -> None:
    """Write the files that a record has and the disk does not."""
    from ..service import monthly
    from ..trust.update import encode

    for account, known in host.store.accounts.all().items():
        files = AccountFiles(host.home.accounts, account)
        if not files.conf.is_file():
            files.write_secret(known.secret)
    for account, month in host.store.accounts.created():
        files = AccountFiles(host.home.accounts, account)
        update = None if files.update_path(month).is_file() else monthly.held(host.store.accounts, account, month)
        if update is not None:  # None: the file is there, or the record was deleted since it was listed
            files.write_update(month, encode(update))
