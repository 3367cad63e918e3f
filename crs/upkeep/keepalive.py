"""Keep-alive: a connection that is silent for too long is asked, and closed where it does not answer (manual 4.10)."""

import _socket
import socket
import time

import gevent

from ..service.connection import Connection, Transport
from ..service.worker import Worker


class KeepAlive:
    """Watches the connections of one worker."""

    def __init__(self, worker: Worker):
        self._worker = worker

    def watch(self, connection: Connection, sock: _socket.socket) -> None:
        """Watch a new connection as the first matching ``keep-alive`` rule says."""
        method, interval, grace = self._worker.conf.keep_alive_for(connection.ip, connection.client)
        if method == "tcp":
            seconds = max(1, interval // 1000)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, seconds // 10))
        else:
            self._worker.timers.after(interval, self._check_alive, connection.id, interval, grace)

    def _check_alive(self, id: str, interval: int, grace: int) -> None:
        transport = self._transport(id)
        if transport is None:
            return
        silent = (time.monotonic() - transport.last_heard) * 1000
        if silent < interval:
            self._worker.timers.after(interval - silent, self._check_alive, id, interval, grace)
            return
        transport.ping()
        self._worker.events.debug(f"{self._worker.name}: ping to connection {id}, silent for {silent:.0f} ms")
        self._worker.timers.after(grace, self._check_answer, id, interval, grace, transport.last_heard)

    def _check_answer(self, id: str, interval: int, grace: int, heard: float) -> None:
        transport = self._transport(id)
        if transport is None:
            return
        if transport.last_heard > heard:
            self._check_alive(id, interval, grace)
        else:
            gevent.spawn(transport.close, 1001, "keep-alive: no answer to ping")

    def _transport(self, id: str) -> Transport | None:
        connection = self._worker.connections.get(id)
        return connection.transport if connection is not None else None
