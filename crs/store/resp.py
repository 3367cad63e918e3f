"""RESP, the protocol of Redis, on a socket: what every kind of connection shares.

The sockets may block or belong to gevent; hiredis does the parsing.
"""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import hiredis

from ..errors import Unavailable

CHUNK = 65_536  # bytes read at a time

Command = tuple[str | bytes | int, ...]

FAULTS = (OSError, hiredis.HiredisError)  # what a broken connection raises


class Receiving(Protocol):
    """What is asked of a socket here."""

    def recv(self, size: int, /) -> bytes: ...


pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub: a tuple of length 1


def receive(sock: Receiving, size: int = CHUNK) -> bytes:
    """At most ``size`` bytes, at least one. Raises OSError, also where the other side has closed."""
    chunk = sock.recv(size)
    if not chunk:
        raise ConnectionResetError("connection closed")
    return chunk


def reply(sock: Receiving, reader: hiredis.Reader, size: int = CHUNK) -> Any:
    """The next reply, which may be a ``hiredis.ReplyError``. Raises OSError, HiredisError."""
    while (answer := reader.gets()) is False:
        reader.feed(receive(sock, size))
    return answer


def message(push: Any) -> tuple[bytes, bytes]:
    """Channel and content of what was pushed to a subscriber. Raises HiredisError where it is an error."""
    if isinstance(push, hiredis.HiredisError):
        raise push
    _, channel, content = push
    return channel, content


def connected(path: str | Path, timeout: float) -> socket.socket:
    """A blocking connection; ``timeout`` (seconds) for this and each step after it. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout)
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock


def reason(error: Exception) -> str:
    """What went wrong with a connection, for people."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def unavailable(name: str, error: Exception) -> Unavailable:
    """The error for those who asked a Redis whose connection broke, or could not be made."""
    return Unavailable(f"{name} is not running or does not answer ({reason(error)})")
