"""A bare client for tests: TLS-PSK, WebSocket, JSON. It knows no more than doc/protocol.md says.

It neither retries nor reconnects nor decrypts; what a test sends goes out unchanged.
"""

import json

import gevent
from gevent import socket
from gevent.queue import Empty, Queue

from crs.net import tls, websocket

PATIENCE = 10  # seconds that a test waits for anything


class Refused(Exception):
    """An error object as the answer to a request."""

    def __init__(self, error: dict):
        super().__init__(f"{error['code']} {error['data'].get('error')}: {error['message']}")
        self.error = error
        self.word = error["data"].get("error")


class RawClient:
    """One attached connection. ``month`` is the PSK identity and key of a client's month; ``source`` the address it
    comes from, ``window`` (bytes) how little it takes in while nobody reads."""

    def __init__(self, address: tuple[str, int], month: tuple[str, bytes], source: str = "", window: int = 0):
        identity, key = month
        self.sock = socket.socket()
        self.sock.settimeout(PATIENCE)
        if window:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(address)
        self.tls = tls.connect(self.sock, identity, key, PATIENCE * 1000)
        self.ws = websocket.client_upgrade(self.tls, address[0], "/", PATIENCE * 1000)
        self.answers: Queue = Queue()
        self.notifications: Queue = Queue()
        self.closed = None
        self._number = 0
        self._reader = gevent.spawn(self._read)

    def _read(self) -> None:
        try:
            while True:
                message = json.loads(self.ws.receive())
                is_notification = isinstance(message, dict) and "method" in message
                (self.notifications if is_notification else self.answers).put(message)
        except websocket.Closed as closed:
            self.closed = closed
        except OSError as error:
            self.closed = error

    def send_text(self, data: bytes) -> None:
        self.ws.send(data)

    def send(self, method: str, params: dict | None = None) -> int:
        """Send a request; its id is returned."""
        self._number += 1
        self.send_text(
            json.dumps({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params or {}}).encode()
        )
        return self._number

    def answer(self, timeout: float = PATIENCE):
        """The next answer as it came."""
        try:
            return self.answers.get(timeout=timeout)
        except Empty:
            raise AssertionError(f"no answer within {timeout} s (connection: {self.closed!r})") from None

    def call(self, method: str, params: dict | None = None) -> dict:
        """Send a request and return its result; raises Refused."""
        number = self.send(method, params)
        answer = self.answer()
        assert answer["id"] == number, answer
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def register(self, device: str = "phone-1", **more) -> dict:
        return self.call("register", {"device_id": device, "version": "test 1", **more})

    def notification(self, method: str, timeout: float = PATIENCE) -> dict:
        """The parameters of the next notification of that name; others before it are dropped."""
        with gevent.Timeout(timeout, AssertionError(f"no {method} within {timeout} s ({self.closed!r})")):
            while True:
                message = self.notifications.get()
                if message["method"] == method:
                    return message["params"]

    def wait_closed(self, timeout: float = PATIENCE):
        """What ended the connection."""
        self._reader.join(timeout)
        assert self.closed is not None, f"still open after {timeout} s"
        return self.closed

    def stop_reading(self) -> None:
        """From here on it neither reads nor answers; the connection stays."""
        self._reader.kill()

    def close(self) -> None:
        self.ws.close(1000, "")
        self._reader.kill()
        self.tls.close()
