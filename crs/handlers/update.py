"""Crypto updates: what the CMS left for each listed client, offered, fetched and confirmed here."""

from ..errors import NotFound
from ..service.connection import Connection
from ..service.worker import Worker
from ..wire.vocabulary import Done, MonthOnly, Nothing, UpdateBody, UpdateList, UpdateState


def list_updates(worker: Worker, connection: Connection, params: Nothing, now: int) -> UpdateList:
    """update.list {} -> UpdateList: those held for this client, as in the answer to register. Fails: try-again."""
    return UpdateList([UpdateState(*held) for held in worker.crypto.held_for(connection.client)])


def fetch(worker: Worker, connection: Connection, params: MonthOnly, now: int) -> UpdateBody:
    """update.fetch {month} -> UpdateBody. Fails: not-found (no update of that month for this client), try-again."""
    body = worker.crypto.body(connection.client, params.month)
    if body is None:
        raise NotFound(f"no crypto update of {params.month} for this client", month=params.month)
    return UpdateBody(params.month, body)


def confirm(worker: Worker, connection: Connection, params: MonthOnly, now: int) -> Done:
    """update.confirm {month} -> {}: the client holds it and needs no more offers. Fails: not-found, try-again."""
    if not worker.crypto.confirm(connection.client, params.month, now):
        raise NotFound(f"no crypto update of {params.month} for this client", month=params.month)
    return Done()
