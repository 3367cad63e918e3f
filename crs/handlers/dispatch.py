"""From the bytes of one WebSocket message to the bytes of its answer: JSON-RPC 2.0, checked row by row.

Lives here: decoding, the checks that every request passes in the same order (form, method, state, kind of user,
parameters), ids and error objects. Never here: sockets, Redis, what a method does.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

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


class Command(NamedTuple):
    """One row of the COMMANDS table.

    ``states``: the states of a connection in which the method is allowed; ``kinds``: the kinds of user;
    ``summary``: one line for the generated description.
    """

    handler: Callable[[Any, Any, int], Result]
    params: type[Params]
    result: type[Result]
    states: frozenset
    kinds: frozenset
    summary: str


def answer(commands: dict[str, Command], connection, message: bytes, now: Callable[[], int]) -> bytes | None:
    """Carry out one message (a request or a batch) and return what to send, None where nothing is owed.

    ``connection`` is passed on to the handler; its ``state`` and ``kind`` are checked here. Nothing escapes: every
    error becomes an error object, a fault of our own is logged without the parameters.
    """
    if message.lstrip(b" \t\r\n")[:1] == b"[":
        return _answer_batch(commands, connection, message, now)
    return _answer_one(commands, connection, message, now)


def _answer_batch(commands, connection, message: bytes, now) -> bytes | None:
    try:
        batch = _decode_batch(message)
    except _NOT_JSON as error:
        return _failed(None, ParseError(f"not JSON: {error}"))
    if not 1 <= len(batch) <= MAX_BATCH:
        return _failed(None, InvalidRequest(f"a batch holds 1 to {MAX_BATCH} requests, not {len(batch)}"))
    owed: list[bytes] = []
    for request in map(bytes, batch):
        if sum(map(len, owed)) > MAX_ANSWER:
            one = _failed(_id_of(request), TooLarge("the answers of this batch are too long; ask for the rest anew"))
        else:
            one = _answer_one(commands, connection, request, now)
        if one is not None:
            owed.append(one)
    return b"[" + b",".join(owed) + b"]" if owed else None


def _answer_one(commands, connection, message: bytes, now) -> bytes | None:
    try:
        request = _decode_request(message)
    except msgspec.ValidationError as error:
        return _failed(_id_of(message), InvalidRequest(f"not a JSON-RPC 2.0 request: {error}"))
    except _NOT_JSON as error:
        return _failed(None, ParseError(f"not JSON: {error}"))
    silent = request.id is msgspec.UNSET
    try:
        result = _carry_out(commands, connection, request, now)
        if silent:
            return None
        return encode(Response(request.id, result))
    except RpcError as error:
        return None if silent else _failed(request.id, error)


def _carry_out(commands, connection, request: Request, now) -> Result:
    command = commands.get(request.method)
    if command is None:
        raise MethodNotFound(f"no method {request.method!r:.80}", methods=sorted(commands))
    if connection.kind not in command.kinds:
        raise Denied(f"{request.method} is not for a user of kind {connection.kind}")
    if connection.state not in command.states:
        raise NotRegistered(
            f"{request.method} is not allowed in state {connection.state}",
            state=connection.state,
            allowed=sorted(command.states),
        )
    raw = b"{}" if request.params is msgspec.UNSET else bytes(request.params)
    try:
        params = _decoder(command.params).decode(raw)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidParams(f"{request.method}: {error}") from None
    try:
        return command.handler(connection, params, now())
    except RpcError:
        raise
    except Exception as error:
        # the text of a foreign exception may quote parameters: only its place and class are logged
        trail = error.__traceback__
        while trail.tb_next:
            trail = trail.tb_next
        LOG.warn(
            f"{request.method} failed: {type(error).__name__} at "
            f"{trail.tb_frame.f_code.co_filename.rsplit('/crs/', 1)[-1]}:{trail.tb_lineno}"
        )
        raise Internal("the server failed at this request; it is logged there") from error


def _id_of(message: bytes):
    """The id of a malformed request, where one can be read (JSON-RPC 2.0, chapter 5)."""
    try:
        value = _decode_any(message)
    except _NOT_JSON:
        return None
    identity = value.get("id") if isinstance(value, dict) else None
    return identity if isinstance(identity, str | int | float) and not isinstance(identity, bool) else None


def _failed(identity, error: RpcError) -> bytes:
    return encode(ErrorResponse(identity, ErrorObject(error.code, str(error), error.data())))
