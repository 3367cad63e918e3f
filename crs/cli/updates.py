"""Actions about monthly updates: apply, show updates (manual, chapters 4.21, 5.4).

What an update file may contain, and which are refused, is in ``crs.trust.update``.
"""

from pathlib import Path

from ..errors import OperatorFault
from ..trust import months
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable, Utc
from .progress import Progress

LONG_WORK = 1_000_000  # bytes of an update; a longer one takes so long that progress is shown


def apply(host: LocalHost, arguments: Arguments) -> Line:
    """``apply``: refuse or accept a protected update; an accepted one becomes a record, and a file of its account."""
    from ..service import monthly
    from ..trust.update import MAX_FILE

    protected = _read(Path(arguments["<update-file>"]), MAX_FILE)
    secrets = {account: known.secret for account, known in host.store.accounts.all().items()}
    with Progress("bytes") as progress:
        if len(protected) > LONG_WORK:
            progress.step(f"checking and loading {len(protected)} bytes")
        update, changed = monthly.apply(
            host.store.accounts, host.home.accounts, protected, secrets.get, host.now(), grace(host)
        )
    return Line(
        f"{title(update.account, update.month)}, created {Utc(update.created)} UTC, "
        f"{len(update.clients)} clients, connected domains: {', '.join(update.domains) or 'none'}; "
        f"{'applied' if changed else 'was applied already'}",
        {
            "account": update.account,
            "month": update.month,
            "created": Utc(update.created),
            "clients": len(update.clients),
            "domains": update.domains,
            "changed": changed,
        },
    )


def show(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show updates``: every account, for this month and the next."""
    created = host.store.accounts.created()
    current = months.of(host.now())
    rows = [
        (account, *(_time(created.get((account, month))) for month in (current, months.after(current))))
        for account in host.store.accounts.all()
    ]
    return ResultTable(("Account", "Current Month", "Next Month"), rows, absent="Not Available")


def _read(path: Path, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise OperatorFault(f"cannot read {path}: {error.strerror}") from None


def grace(host: LocalHost) -> int:
    """How long a month is honoured after its end, ms."""
    return host.conf.update_grace * months.DAY


def _time(created: int | None) -> Utc | None:
    return None if created is None else Utc(created)


def title(account: str, month: str) -> str:
    """An update as people name it: ``acme 2026-11``."""
    return f"{account} {month[:4]}-{month[4:]}"
