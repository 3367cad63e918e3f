"""A server that is a script, over real TLS and WebSocket: tests cut, refuse and silence it."""

import json

from gevent.server import StreamServer

from crs import errors
from crs.net import tls, websocket
from test.client.fakes import registered
from test.ports import free_port

GOOD, OLD = ("c.acme.202611.good", bytes(32)), ("c.acme.202610.old", bytes([1] * 32))


class ScriptedServer:
    """Attach points on 127.0.0.1 that one script serves; each connection registers, then is answered by ``methods``."""

    def __init__(self):
        self.keys = dict([GOOD])
        self.connections: list[websocket.WebSocket] = []
        self.requests: list[tuple[str, dict]] = []
        self.workers: list[str] = []  # names for the next registrations; else attach:0
        self.methods = {
            "register": self.register,
            "unregister": lambda params: {},
            "message.post": lambda params: {"id": params["id"], "account": "acme", "time": 1},
        }
        self._context = tls.server_context(lambda identity: self.keys.get(identity.decode()))
        self._doors: list[StreamServer] = []

    def open(self, port: int | None = None) -> tuple[str, int]:
        door = StreamServer(("127.0.0.1", port or free_port()), self._serve)
        door.start()
        self._doors.append(door)
        return door.address

    def close(self) -> None:
        for door in self._doors:
            door.close()
        self._doors.clear()
        self.cut()

    def cut(self) -> None:
        """As kill -9 does: every connection is reset, without a word."""
        for attached in self.connections:
            attached._tls.abort()
        self.connections.clear()

    def tell(self, method: str, params: dict) -> None:
        self.connections[-1].send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    def register(self, params: dict) -> dict:
        name = self.workers.pop(0) if self.workers else "attach:0"
        return {
            **{
                field: getattr(registered(), field)
                for field in ("uri", "account", "host", "connection", "time", "waiting", "sessions", "updates")
            },
            "worker": name,
            "keep_alive": {"method": "ws", "interval": 1_230_000},
        }

    def params(self, method: str) -> list[dict]:
        return [params for asked, params in self.requests if asked == method]

    def _serve(self, sock, address) -> None:
        try:
            secured = tls.accept(self._context, sock, 5000)
            upgraded = websocket.upgrade(secured, websocket.Limits())
        except errors.CrsError:
            return
        self.connections.append(upgraded)
        while True:
            try:
                request = json.loads(upgraded.receive())
            except websocket.Closed:
                return
            self.requests.append((request["method"], request["params"]))
            result = self.methods[request["method"]](request["params"])
            if isinstance(result, errors.RpcError):
                answer = {"error": {"code": result.code, "message": str(result), "data": result.data()}}
            elif result is None:
                continue
            else:
                answer = {"result": result}
            upgraded.send(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode())
