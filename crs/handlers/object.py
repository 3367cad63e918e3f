"""Objects: a client's token (its signed keys of the month) where others look it up, with its domain's token."""

from msgspec import UNSET

from ..service.connection import Connection
from ..wire.vocabulary import Done, FoundObject, LookupObject, PutObject


def put(connection: Connection, params: PutObject, now: int) -> Done:
    """object.put {type: "client-token", value} -> {}. Replaces what was there. Fails: not-registered, try-again."""
    connection.worker.store.objects.put_token(connection.client, params.value, now)
    connection.worker.trace("object", connection.client.uri, "update client_token", connection.client.account)
    return Done()


def lookup(connection: Connection, params: LookupObject, now: int) -> FoundObject:
    """object.lookup {uri, account?} -> FoundObject: who that is for the asking client, and with which keys.

    ``client_token`` is null while that client never stored one. Fails: invalid-params, not-found,
    domain-not-connected, not-registered, try-again.
    """
    worker = connection.worker
    found = worker.resolve(connection.client, params.uri, None if params.account is UNSET else params.account)
    token = worker.store.objects.token(found)
    domain = worker.accounts.newest(found.account)
    return FoundObject(
        found.uri,
        found.account,
        token.value if token else None,
        domain.domain_token if domain else "",
        token.updated if token else None,
    )
