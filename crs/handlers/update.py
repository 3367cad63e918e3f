"""Crypto updates: what the CMS left for each listed client, offered, fetched and confirmed here."""

from ..errors import NotFound
from ..service.connection import Connection
from ..wire.vocabulary import Done, MonthOnly, Nothing, UpdateBody, UpdateList, UpdateState


def list_updates(connection: Connection, params: Nothing, now: int) -> UpdateList:
    """update.list {} -> UpdateList: those held for this client, as in the answer to register. Fails: try-again."""
    return UpdateList([UpdateState(*one) for one in connection.worker.updates_of(connection.client)])


def fetch(connection: Connection, params: MonthOnly, now: int) -> UpdateBody:
    """update.fetch {month} -> UpdateBody. Fails: not-found (no update of that month for this client), try-again."""
    body = connection.worker.crypto_update(connection.client, params.month)
    if body is None:
        raise NotFound(f"no crypto update of {params.month} for this client", month=params.month)
    return UpdateBody(params.month, body)


def confirm(connection: Connection, params: MonthOnly, now: int) -> Done:
    """update.confirm {month} -> {}: the client holds it and needs no more offers. Fails: not-found, try-again."""
    worker, client = connection.worker, connection.client
    if params.month not in [month for month, _ in worker.updates_of(client)]:
        raise NotFound(f"no crypto update of {params.month} for this client", month=params.month)
    worker.store.objects.confirm(client, params.month, now)
    return Done()
