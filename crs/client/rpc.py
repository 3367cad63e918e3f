"""One WebSocket connection as JSON-RPC 2.0: requests, their answers by id, errors as classes, notifications.

It neither reconnects nor retries. Light: a process may hold thousands of these.
"""

import itertools
from collections.abc import Callable, Iterator

import msgspec
from gevent.event import AsyncResult
from msgspec import UNSET, Raw, UnsetType

from crs import errors
from crs.net.websocket import Closed, WebSocket
from crs.wire.vocabulary import ErrorObject, Params, encode

NOT_JSON_RPC = 1002


class LinkLost(Exception):
    """The connection ended before the answer arrived; the request may or may not have been carried out."""


class _Request(msgspec.Struct, gc=False):
    id: int
    method: str
    params: Params
    jsonrpc: str = "2.0"


class _Incoming(msgspec.Struct, gc=False):
    """An answer or a notification."""

    id: int | str | None = None
    result: Raw | UnsetType = UNSET
    error: ErrorObject | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Raw = Raw(b"{}")


_decode = msgspec.json.Decoder(_Incoming).decode


def _family(base: type[errors.RpcError]) -> Iterator[type[errors.RpcError]]:
    """``base`` and all classes below it."""
    yield base
    for child in base.__subclasses__():
        yield from _family(child)


_FAULTS = {kind.error: kind for kind in _family(errors.RpcError) if "error" in vars(kind)}


def fault(told: ErrorObject) -> errors.RpcError:
    """The exception that an error object stands for: the class of ``crs.errors`` with its word, code and details."""
    details = dict(told.data)
    word, retry = details.pop("error", "internal"), details.pop("retry", False)
    error = _FAULTS.get(word, errors.WorldFault if retry else errors.ClientFault)(told.message, **details)
    error.code, error.error, error.retry = told.code, word, retry
    return error


def content(answer: "AsyncResult[bytes]", timeout: float | None = None) -> bytes:
    """The raw JSON of a result, once it is there. Raises gevent.Timeout after ``timeout`` seconds, and what ``answer``
    raises."""
    return answer.get(timeout=timeout) or b"null"


class RpcLink:
    """Requests and answers over ``websocket``; ``hear(method, params)`` is called for each notification, in order,
    by the greenlet in ``pump``, and must not wait."""

    __slots__ = ("_hear", "_ids", "_waiting", "_websocket", "lost")

    def __init__(self, websocket: WebSocket, hear: Callable[[str, Raw], None]):
        self._websocket = websocket
        self._hear = hear
        self._ids = itertools.count(1)
        self._waiting: dict[int | str | None, AsyncResult[bytes]] = {}
        self.lost: str | None = None  # why the link ended

    def request(self, method: str, params: Params) -> "AsyncResult[bytes]":
        """Send one request; its result will hold the raw JSON of the answer, an RpcError, or LinkLost."""
        answer: AsyncResult[bytes] = AsyncResult()
        number = next(self._ids)
        if self.lost is not None:
            answer.set_exception(LinkLost(self.lost))
            return answer
        self._waiting[number] = answer
        try:
            self._websocket.send(encode(_Request(number, method, params)))
        except (Closed, OSError) as error:
            self._end(str(error))
        return answer

    def pump(self, until: "AsyncResult[bytes] | None" = None) -> None:
        """Read and dispatch until the answer ``until`` is there; raises LinkLost when the connection ends."""
        try:
            while until is None or not until.ready():
                self._take(self._websocket.receive())
        except Closed as closed:
            self._end(f"closed with {closed.code} {closed.reason}".rstrip())
        except OSError as error:
            self._end(str(error))
        except msgspec.MsgspecError as error:
            self._websocket.close(NOT_JSON_RPC, "not JSON-RPC")
            self._end(f"not JSON-RPC: {error}")
        if self.lost is not None:
            raise LinkLost(self.lost)

    def _take(self, message: bytes) -> None:
        incoming = _decode(message)
        if incoming.method is not UNSET:
            self._hear(incoming.method, incoming.params)
            return
        answer = self._waiting.pop(incoming.id, None)
        if answer is None:
            return
        if incoming.error is not UNSET:
            answer.set_exception(fault(incoming.error))
        else:
            answer.set(b"" if incoming.result is UNSET else bytes(incoming.result))

    def ping(self) -> None:
        self._websocket.ping()

    @property
    def last_heard(self) -> float:
        """When the peer was last heard (time.monotonic)."""
        return self._websocket.last_heard

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection, from any greenlet; ``pump`` raises LinkLost."""
        self._websocket.close(code, reason)
        self._end(f"closed here with {code} {reason}".rstrip())

    def _end(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.set_exception(LinkLost(self.lost))
