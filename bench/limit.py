"""The upper limit of the attach rate: a bare pyOpenSSL loop of TLS-PSK handshakes, and nothing else.

Run as a program it serves: prints its port, accepts, does all handshakes concurrently, closes. (One after another would
measure how fast the client answers.) No server on pyOpenSSL and one core can be faster.
"""

import select
import socket
import sys
from typing import Any

from OpenSSL import SSL, version
from OpenSSL._util import ffi, lib

from .common import ROOT, wait_for
from .load.crs import CrsUser
from .systems import System

KEY = bytes(32)
IDENTITY = b"c.bench"


def _give_key(_ssl: object, _identity: object, key: Any, room: int) -> int:
    ffi.memmove(key, KEY, len(KEY))
    return len(KEY)


_psk = ffi.callback("unsigned int(*)(SSL *, char *, unsigned char *, unsigned int)", _give_key)


def serve() -> None:
    """Do handshakes until killed."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256")
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    lib.SSL_CTX_set_psk_server_callback(context._context, _psk)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    ready = select.epoll()
    shaking: dict[int, SSL.Connection] = {}
    ready.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in ready.poll():
            if fd == listener.fileno():
                sock, _ = listener.accept()
                sock.setblocking(False)
                shaking[sock.fileno()] = SSL.Connection(context, sock)
                shaking[sock.fileno()].set_accept_state()
                ready.register(sock, select.EPOLLIN)
            elif _is_over(shaking[fd]):
                ready.unregister(fd)
                shaking.pop(fd).close()


def _is_over(connection: SSL.Connection) -> bool:
    """One step; whether the client has left, which it does when the handshake is done on its side too."""
    try:
        connection.do_handshake()
        connection.recv(1)
    except SSL.WantReadError:
        return False
    except SSL.Error:
        pass
    return True


class Limit(System):
    """That loop as a system of its own; its clients leave as soon as TLS is up."""

    name = "handshakes"
    protocol = "crs"

    def start(self, clients: int) -> "Limit":
        self.spawn(sys.executable, "-m", "bench.limit", env={"PYTHONPATH": str(ROOT)})
        self.port = int(wait_for(self.said, "the handshake loop listens").strip())
        return self

    def about(self) -> dict[str, str]:
        return {
            "version": f"pyOpenSSL {version.__version__}, {SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()}",
            "settings": "TLS 1.3 PSK with ECDHE, one epoll loop",
            "sync": "none",
        }

    def who(self, number: int) -> CrsUser:
        return CrsUser(("127.0.0.1", self.port), "", IDENTITY.decode(), KEY)


if __name__ == "__main__":
    serve()
