"""Objects: a client's token (its signed keys of the month) where others look it up, with its domain's token."""

from msgspec import UNSET

from ..service.connection import Connection
from ..service.worker import Worker
from ..wire.vocabulary import Done, FoundObject, LookupObject, PutObject


def put(worker: Worker, connection: Connection, params: PutObject, now: int) -> Done:
    """object.put {type: "client-token", value} -> {}. Replaces what was there. Fails: not-registered, try-again."""
    worker.objects.put_token(connection.client, params.value, now)
    worker.events.object(connection.client, "update client_token")
    return Done()


def lookup(worker: Worker, connection: Connection, params: LookupObject, now: int) -> FoundObject:
    """object.lookup {uri, account?} -> FoundObject: who that is for the asking client, and with which keys.

    ``client_token`` is null while that client never stored one. Fails: invalid-params, not-found,
    domain-not-connected, not-registered, try-again.
    """
    found = worker.resolve(connection.client, params.uri, None if params.account is UNSET else params.account)
    token = worker.objects.token(found)
    domain = worker.accounts.newest(found.account)
    return FoundObject(
        found.uri,
        found.account,
        token.value if token else None,
        domain.domain_token if domain else "",
        token.updated if token else None,
    )
