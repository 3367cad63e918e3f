"""Remote admins: monthly updates and statistics of the accounts that the operator gave them access to (manual 4.9).

What an admin was not given is answered like what does not exist. A connection of an admin knows nothing else.
"""

from collections.abc import Callable
from typing import Any

import gevent

from .. import log
from ..errors import Conflict, Denied, Refused, Unavailable, UpdateRefused
from ..service import monthly
from ..service.connection import Connection
from ..service.worker import Worker
from ..store.operator import STATISTICS
from ..store.statistics import COLUMNS
from ..trust import months
from ..wire.vocabulary import (
    AccountOnly,
    AdminAccount,
    AdminAccounts,
    AppliedUpdate,
    ApplyUpdate,
    ClearedStatistics,
    Done,
    ExportStatistics,
    Nothing,
    StatisticsRows,
    UploadPart,
)

LOG = log.get("attach")
UPDATE = "update"  # the other authorization; STATISTICS is both a setting and the right to change it


def accounts(worker: Worker, connection: Connection, params: Nothing, now: int) -> AdminAccounts:
    """admin.accounts {} -> AdminAccounts: those the admin has access to, and what it may do there. Fails: try-again."""
    rules, created = worker.accounts.rules, worker.account_records.created()
    return AdminAccounts(
        [
            AdminAccount(
                account,
                sorted(may),
                account in rules.statistics,
                {month: time for (owner, month), time in created.items() if owner == account},
            )
            for account, may in sorted(rules.access.get(connection.admin, {}).items())
        ]
    )


def upload(worker: Worker, connection: Connection, params: UploadPart, now: int) -> Done:
    """admin.update.part {id, number, body} -> {}: one part of a protected update file, kept for an hour.

    Parts may come in any order, and again. Fails: denied (no authorization ``update`` for any account), try-again.
    """
    if not any(UPDATE in may for may in worker.accounts.rules.access.get(connection.admin, {}).values()):
        raise Denied("this admin may not apply updates")
    worker.uploads.put(connection.admin, params.id, params.number, params.body)
    return Done()


def apply(worker: Worker, connection: Connection, params: ApplyUpdate, now: int) -> AppliedUpdate:
    """admin.update.apply {id, parts} -> AppliedUpdate. A retry is answered the same, with changed false.

    Fails: conflict (data.missing: parts that are not here), refused (the message says why), try-again.
    """
    admin = connection.admin
    protected, missing = worker.uploads.whole(admin, params.id, params.parts)
    if missing:
        raise Conflict(f"{len(missing)} parts of {params.id} are not here", missing=missing[:100])
    secrets = {
        account: known.secret
        for account, known in worker.account_records.all().items()
        if worker.accounts.rules.may(admin, account, UPDATE)
    }
    try:
        update, changed = monthly.apply(
            worker.account_records,
            worker.conf.home.accounts,
            protected,
            secrets.get,
            now,
            worker.conf.update_grace * months.DAY,
            _aside,
        )
    except UpdateRefused as refusal:
        LOG.info(f"admin {admin}: an update is refused: {refusal}")
        raise Refused(str(refusal)) from None
    except OSError as error:
        LOG.warn(f"admin {admin}: the files of an account cannot be written: {error.strerror}")
        raise Unavailable("the files of the account cannot be written") from None
    LOG.info(f"admin {admin}: update of {update.account} for {update.month} applied")
    return AppliedUpdate(update.account, update.month, update.created, len(update.clients), changed)


def _aside(work: Callable[[], Any]) -> Any:
    """Work that takes long, in a thread: the other clients of this worker go on meanwhile."""
    return gevent.get_hub().threadpool.apply(work)


def enable(worker: Worker, connection: Connection, params: AccountOnly, now: int) -> Done:
    """admin.statistics.enable {account} -> {}: collect statistics of an account from now on. Fails: denied,
    try-again."""
    return _switch(worker, connection, params.account, True, now)


def disable(worker: Worker, connection: Connection, params: AccountOnly, now: int) -> Done:
    """admin.statistics.disable {account} -> {}: collect no more; what was collected stays. Fails: denied,
    try-again."""
    return _switch(worker, connection, params.account, False, now)


def clear(worker: Worker, connection: Connection, params: AccountOnly, now: int) -> ClearedStatistics:
    """admin.statistics.clear {account} -> ClearedStatistics: for how many clients there was something. Fails: denied,
    try-again."""
    _check(worker, connection, params.account)
    cleared = worker.statistics.clear(params.account)
    LOG.info(f"admin {connection.admin}: statistics of {params.account} cleared")
    return ClearedStatistics(cleared)


def export(worker: Worker, connection: Connection, params: ExportStatistics, now: int) -> StatisticsRows:
    """admin.statistics.export {account, after?, limit?} -> StatisticsRows, in the order of URIs. Fails: denied,
    try-again."""
    _check(worker, connection, params.account)
    found = worker.statistics.page(params.account, now, params.after, params.limit + 1)
    rows: list[list[str | int | bool]] = [[row.uri, *row.counts, *row.states] for row in found[: params.limit]]
    return StatisticsRows(list(COLUMNS), rows, len(found) > params.limit)


def _switch(worker: Worker, connection: Connection, account: str, on: bool, now: int) -> Done:
    _check(worker, connection, account)
    worker.operator.switch(account, STATISTICS, on, now)
    LOG.info(f"admin {connection.admin}: statistics of {account} {'enabled' if on else 'disabled'}")
    return Done()


def _check(worker: Worker, connection: Connection, account: str) -> None:
    if not worker.accounts.rules.may(connection.admin, account, STATISTICS):
        raise Denied(f"this admin may not manage statistics of account {account}")
