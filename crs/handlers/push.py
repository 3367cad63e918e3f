"""Push tokens: what wakes a device that is asleep. They are stored and shown to the operator, never logged."""

from ..service.connection import Connection
from ..service.worker import Worker
from ..store.objects import PushTokens
from ..wire.vocabulary import Done, Nothing, PutPushTokens


def put(worker: Worker, connection: Connection, params: PutPushTokens, now: int) -> Done:
    """push.put {client_type, created, tokens} -> {}: those of this device, in the place of those before; a primary's
    also take the place of the primary's before it. Fails: not-registered, try-again."""
    worker.objects.put_push_tokens(
        connection.client,
        PushTokens(
            connection.device_id, connection.device_type, params.client_type, params.created, now, params.tokens
        ),
    )
    worker.events.object(connection.client, "update push_token")
    return Done()


def delete(worker: Worker, connection: Connection, params: Nothing, now: int) -> Done:
    """push.delete {} -> {}: this device is not to be woken any more. Fails: not-registered, try-again."""
    worker.objects.forget_push_tokens(connection.client, connection.device_id)
    worker.events.object(connection.client, "delete push_token")
    return Done()
