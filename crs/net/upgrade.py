"""The opening of a WebSocket over a TLS connection: one HTTP head each way, read and written within limits.

A head may be dripped, endless or absent; a peer that is refused is left so that it can read why. What stands in a head
is in ``crs.wire.heads``, what follows it in ``websocket``.
"""

import os

import gevent

from crs.net import tls
from crs.wire import heads
from crs.wire.heads import UpgradeError

LAST_WORDS = 2_000  # ms that a peer has to read why it was refused


class _TooLong(Exception):
    pass


class _TooLarge(Exception):
    pass


def serve(connection: tls.TlsSocket, timeout_ms: float, max_head: int) -> bytes:
    """The server's side. Returns what the client sent after its request: its first frames.

    Raises UpgradeError: the refusal is sent, and the connection ends.
    """
    try:
        with gevent.Timeout(timeout_ms / 1000, _TooLong()):
            head, rest = _read_head(connection, max_head)
        answer = heads.answer(head)
    except _TooLong:
        answer = heads.refuse(408, f"no whole request within {timeout_ms:.0f} ms")
    except _TooLarge:
        answer = heads.refuse(431, f"the request head is larger than {max_head} bytes")
    _write_head(connection, answer.response)
    if answer.status != 101:
        connection.linger(LAST_WORDS)
        raise UpgradeError(f"refused with {answer.status}: {answer.text}", answer.status)
    return rest


def ask(connection: tls.TlsSocket, host: str, path: str, timeout_ms: float, max_head: int) -> bytes:
    """The client's side. Returns what the server sent after its answer. Raises UpgradeError, the connection closed."""
    key = os.urandom(16)
    try:
        _write_head(connection, heads.request(host, path, key))
        with gevent.Timeout(timeout_ms / 1000, UpgradeError(f"no answer to the upgrade within {timeout_ms:.0f} ms")):
            head, rest = _read_head(connection, max_head)
        heads.check_response(head, key)
        return rest
    except _TooLarge:
        connection.close()
        raise UpgradeError(f"the server's answer is larger than {max_head} bytes") from None
    except BaseException:
        connection.close()
        raise


def _write_head(connection: tls.TlsSocket, head: bytes) -> None:
    """Write a head, the first bytes on a connection: they have room. Raises UpgradeError."""
    try:
        if connection.send_some(head) == len(head):
            return
        why = "the peer does not read"
    except tls.TlsError as error:
        why = str(error)
    connection.close()
    raise UpgradeError(why)


def _read_head(connection: tls.TlsSocket, limit: int) -> tuple[bytes, bytes]:
    """A head with its blank line, and what came after it. Raises _TooLarge, UpgradeError."""
    head = bytearray()
    while (end := head.find(heads.END)) < 0 and len(head) <= limit:
        try:
            some = connection.recv()
        except tls.TlsError as error:
            raise UpgradeError(str(error)) from None
        if not some:
            raise UpgradeError("the peer closed the connection during the upgrade")
        head += some
    end += len(heads.END)
    if not len(heads.END) <= end <= limit:
        raise _TooLarge
    return bytes(head[:end]), bytes(head[end:])
