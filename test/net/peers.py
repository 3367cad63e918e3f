"""Two ends of one connection in one process, and a tap on the wire between them."""

import gevent
import pytest
from gevent import socket

from crs.net import tls

KEY = bytes(range(32))
IDENTITY = "c.acme.202611.AbC_-9"
VERSIONS = ["TLSv1.2", "TLSv1.3"]
TIMEOUT = 5000  # ms; far more than anything here takes


def until(condition):
    """Let others run until ``condition()`` holds, at most TIMEOUT."""
    with gevent.Timeout(TIMEOUT / 1000, AssertionError("it did not come to pass")):
        while not condition():
            gevent.sleep(0.002)


def context(keys=None) -> tls.Context:
    """A server context that knows ``keys`` (identity to key), or IDENTITY alone."""
    return tls.server_context((keys or {IDENTITY.encode(): KEY}).get)


def shake(sock_server, sock_client, server=None, identity=IDENTITY, key=KEY, version=None):
    """Both handshakes; returns (server's end, client's end), each a TlsSocket or the TlsError that it ended with."""

    def end(handshake, *args):
        try:
            return handshake(*args)
        except tls.TlsError as error:
            return error

    accepting = gevent.spawn(end, tls.accept, server or context(), sock_server, TIMEOUT)
    client = end(tls.connect, sock_client, identity, key, TIMEOUT, version)
    return accepting.get(), client


def tls_pair(**how):
    """(server's end, client's end) of a TLS connection over a socket pair; ``how`` as in ``shake``."""
    return shake(*socket.socketpair(), **how)


def tcp_pair():
    """(server's socket, client's socket) of a TCP connection on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return server, client


class Tap:
    """A wire that remembers what the server's side sent: ``server`` and ``client`` are its two ends."""

    def __init__(self):
        self.server, inner_server = socket.socketpair()
        self.client, inner_client = socket.socketpair()
        self.from_server = b""
        self._pumps = [
            gevent.spawn(self._pump, inner_server, inner_client, True),
            gevent.spawn(self._pump, inner_client, inner_server, False),
        ]

    def _pump(self, source, sink, keep):
        try:
            while some := source.recv(65536):
                if keep:
                    self.from_server += some
                sink.sendall(some)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()

    def records(self) -> list[tuple[int, bytes]]:
        """The TLS records that the server sent: (content type, payload)."""
        gevent.joinall(self._pumps, timeout=TIMEOUT / 1000)
        records, rest = [], self.from_server
        while rest:
            length = int.from_bytes(rest[3:5])
            records.append((rest[0], rest[5 : 5 + length]))
            rest = rest[5 + length :]
        return records


def tls_error_of(call, *args) -> str:
    with pytest.raises(tls.TlsError) as caught:
        call(*args)
    return str(caught.value)


def read_to_end(client) -> bytes:
    got = b""
    with gevent.Timeout(TIMEOUT / 1000):
        while some := client.recv():
            got += some
    return got
