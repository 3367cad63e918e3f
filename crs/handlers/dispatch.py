"""From the bytes of one WebSocket message to the bytes of its answer: JSON-RPC 2.0, checked row by row.

Every request passes the same checks in the same order: form, method, kind of user, state, parameters. What a method
does stands with its handler.
"""

import functools
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from .. import log
from ..errors import (
    Denied,
    Internal,
    InvalidParams,
    InvalidRequest,
    MethodNotFound,
    NotRegistered,
    ParseError,
    RpcError,
    TooLarge,
)
from ..wire.vocabulary import MAX_BATCH, ErrorObject, ErrorResponse, Params, Request, Response, Result, encode

LOG = log.get("dispatch")

_decode_request = msgspec.json.Decoder(Request).decode
_decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
MAX_ANSWER = 524_288  # bytes of a batch's answers after which the rest of it is not carried out
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decoder = functools.cache(msgspec.json.Decoder)


class Caller(Protocol):
    """Whose request it is: a connection of a client or an admin."""

    state: str
    kind: str


class Command(NamedTuple):
    """One row of the COMMANDS table.

    ``handler(services, caller, params, now)``; ``states``: the states of a connection in which the method is allowed;
    ``kinds``: the kinds of user; ``summary``: one line for the generated description.
    """

    handler: Callable[[Any, Any, Any, int], Result]
    params: type[Params]
    result: type[Result]
    states: frozenset[str]
    kinds: frozenset[str]
    summary: str


class Dispatcher:
    """Answers messages by a table of commands. ``services`` go to the handlers; ``clock()`` gives ms."""

    def __init__(self, commands: Mapping[str, Command], services: object, clock: Callable[[], int]):
        self._commands = commands
        self._services = services
        self._clock = clock

    def answer(self, caller: Caller, message: bytes) -> bytes | None:
        """Carry out one message (a request or a batch) and return what to send, None where nothing is owed.

        Nothing escapes: every error becomes an error object; a fault of our own is logged without the parameters.
        """
        if message.lstrip(b" \t\r\n")[:1] == b"[":
            return self._answer_batch(caller, message)
        return self._answer_request(caller, message)

    def _answer_batch(self, caller: Caller, message: bytes) -> bytes | None:
        try:
            batch = _decode_batch(message)
        except _NOT_JSON as error:
            return _failed(None, ParseError(f"not JSON: {error}"))
        if not 1 <= len(batch) <= MAX_BATCH:
            return _failed(None, InvalidRequest(f"a batch holds 1 to {MAX_BATCH} requests, not {len(batch)}"))
        owed: list[bytes] = []
        for request in map(bytes, batch):
            reply: bytes | None
            if sum(map(len, owed)) > MAX_ANSWER:
                refusal = TooLarge("the answers of this batch are too long; ask for the rest anew")
                reply = _failed(_id_of(request), refusal)
            else:
                reply = self._answer_request(caller, request)
            if reply is not None:
                owed.append(reply)
        return b"[" + b",".join(owed) + b"]" if owed else None

    def _answer_request(self, caller: Caller, message: bytes) -> bytes | None:
        try:
            request = _decode_request(message)
        except msgspec.ValidationError as error:
            return _failed(_id_of(message), InvalidRequest(f"not a JSON-RPC 2.0 request: {error}"))
        except _NOT_JSON as error:
            return _failed(None, ParseError(f"not JSON: {error}"))
        id = request.id
        try:
            result = self._carry_out(caller, request)
            return None if id is msgspec.UNSET else encode(Response(id, result))
        except RpcError as error:
            return None if id is msgspec.UNSET else _failed(id, error)

    def _carry_out(self, caller: Caller, request: Request) -> Result:
        command = self._commands.get(request.method)
        if command is None:
            raise MethodNotFound(f"no method {request.method!r:.80}", methods=sorted(self._commands))
        if caller.kind not in command.kinds:
            raise Denied(f"{request.method} is not for a user of kind {caller.kind}")
        if caller.state not in command.states:
            raise NotRegistered(
                f"{request.method} is not allowed in state {caller.state}",
                state=caller.state,
                allowed=sorted(command.states),
            )
        raw = b"{}" if request.params is msgspec.UNSET else bytes(request.params)
        try:
            params = _decoder(command.params).decode(raw)
        except (msgspec.ValidationError, RecursionError) as error:
            raise InvalidParams(f"{request.method}: {error}") from None
        try:
            return command.handler(self._services, caller, params, self._clock())
        except RpcError:
            raise
        except Exception as error:
            # The text of a foreign exception may quote parameters: only its class and place are logged.
            place = traceback.extract_tb(error.__traceback__)[-1]
            file = place.filename.rsplit("/crs/", 1)[-1]
            LOG.warn(f"{request.method} failed: {type(error).__name__} at {file}:{place.lineno}")
            raise Internal("the server failed at this request; it is logged there") from error


def _id_of(message: bytes) -> str | int | float | None:
    """The id of a malformed request, where one can be read (JSON-RPC 2.0, chapter 5)."""
    try:
        value = _decode_any(message)
    except _NOT_JSON:
        return None
    id = value.get("id") if isinstance(value, dict) else None
    return id if isinstance(id, str | int | float) and not isinstance(id, bool) else None


def _failed(id: str | int | float | None, error: RpcError) -> bytes:
    return encode(ErrorResponse(id, ErrorObject(error.code, str(error), error.data())))
