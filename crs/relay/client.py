"""The commander's end of the relay's control protocol, for workers (on gevent) and crs-cli (plain).

Blocks the calling greenlet or thread only. One request is under way at a time; after a fault the connection is made
anew, so an answer never reaches the wrong caller.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crs.errors import CrsError, Unavailable

TIMEOUT = 2.0  # seconds for one answer, and for a turn
POLL_PART = 250  # conversations named in one request: within the relay's longest line


class RelayRefused(CrsError):
    """The relay refused a command. ``error`` is the protocol's word: limit, conflict, bad-request, ..."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


class RelayClient:
    """Commands one relay. ``path``: its Unix socket; ``name``: how the relay's log calls us.

    All methods raise Unavailable while the relay is down or hangs, RelayRefused where it says no.
    """

    def __init__(self, path: str | Path, name: str, timeout: float = TIMEOUT) -> None:
        self.path, self.name, self.timeout = str(path), name, timeout
        self._turn = threading.Lock()
        self._sock: socket.socket | None = None
        self._unread = b""
        self._serial = 0
        self._hello: dict[str, Any] = {}

    def add(self, conversation: str, kind: str, legs: list[dict[str, str]], identifiers: list[str]) -> None:
        """Have a conversation exist. ``kind``: RTP, OPAQUE, OPAQUE_MULTICAST; a leg is ``{"ufrag", "pwd"}``."""
        self._call("add", conversation=conversation, kind=kind, legs=legs, identifiers=identifiers)

    def remove(self, conversation: str) -> bool:
        """End a conversation; returns whether there was one."""
        removed: bool = self._call("remove", conversation=conversation)["removed"]
        return removed

    def poll(self, conversations: list[str]) -> list[str]:
        """Keep conversations alive; returns those that the relay does not know (it was started anew: add them)."""
        unknown: list[str] = []
        for at in range(0, max(1, len(conversations)), POLL_PART):
            unknown += self._call("poll", conversations=conversations[at : at + POLL_PART])["unknown"]
        return unknown

    def stats(self) -> dict[str, dict[str, int]]:
        """Counters for ``show relay``, in sections."""
        stats: dict[str, dict[str, int]] = self._call("stats")["stats"]
        return stats

    def instance(self) -> str:
        """Which start of the relay this is. Costs no request as long as the connection lives."""
        with self._connection():
            instance: str = self._hello["instance"]
            return instance

    def addresses(self) -> list[dict[str, Any]]:
        """Where clients bind: ``{"ip", "port"}``."""
        with self._connection():
            addresses: list[dict[str, Any]] = self._hello["addresses"]
            return addresses

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows for ``show relays``: conversation, type, nodes, last_active (ms since 1970-01-01 UTC), identifiers. They
        come in pages, and other requests may come between them."""
        after: int | None = 0
        while after is not None:
            page = self._call("list", after=after)
            yield from page["rows"]
            after = page["next"]

    def list(self) -> list[dict[str, Any]]:  # the last method that can name the type list
        """All ``rows``."""
        return [*self.rows()]

    def close(self) -> None:
        """Let go of the connection; the next command makes a new one."""
        if self._sock is not None:
            self._sock.close()
        self._sock, self._unread = None, b""

    def _call(self, op: str, **params: Any) -> dict[str, Any]:
        with self._connection() as sock:
            return self._request(sock, op, params)

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        """Our turn on a connection that lives. Whatever breaks off a request ends the connection with it."""
        if not self._turn.acquire(timeout=self.timeout):
            raise Unavailable("the relay is busy with another command")
        try:
            if self._sock is not None and _ended(self._sock):
                self.close()
            yield self._connect() if self._sock is None else self._sock
        except RelayRefused:
            raise
        except (OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"the relay does not answer at {self.path}") from error
        except BaseException:
            self.close()
            raise
        finally:
            self._turn.release()

    def _connect(self) -> socket.socket:
        sock = self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.timeout)
        sock.connect(self.path)
        try:
            self._hello = self._request(sock, "hello", {"client": self.name})
        except RelayRefused as refusal:
            raise Unavailable(f"the relay at {self.path} refused us: {refusal}") from None
        return sock

    def _request(self, sock: socket.socket, op: str, params: dict[str, Any]) -> dict[str, Any]:
        self._serial += 1
        line = json.dumps({"v": 1, "id": self._serial, "op": op, **params})
        sock.sendall(line.encode() + b"\n")
        answer = json.loads(self._line(sock))
        if not isinstance(answer, dict) or answer.get("id") != self._serial:
            raise ValueError("not the answer to this request")
        if not answer["ok"]:
            raise RelayRefused(answer["error"], answer["text"])
        return answer

    def _line(self, sock: socket.socket) -> bytes:
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            parts.append(sock.recv(65_536))
            if not parts[-1]:
                raise ConnectionResetError("the relay closed the connection")
        line, _, self._unread = b"".join(parts).partition(b"\n")
        return line


def _ended(sock: socket.socket) -> bool:
    """Whether the relay closed the connection, or said something unasked."""
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        sock.recv(1, socket.MSG_PEEK)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(timeout)
