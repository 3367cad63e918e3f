"""TLS with pre-shared keys: what is offered, and the two ways to begin a connection.

With ``tlssocket`` and ``psk`` the only place that touches TLS, and the one that others use. Measurements:
doc/decisions/tls.md.

Offered, ever: TLS 1.3 with PSK and ECDHE, and TLS 1.2 with ECDHE-PSK-CHACHA20-POLY1305 (RFC 8446, RFC 7905). SHA-256
suites only, as that is the hash of an external PSK. X25519 and P-256 only: the client names the groups, the server
pays for them.
"""

import socket

from OpenSSL import SSL
from OpenSSL._util import lib

from crs.net import psk
from crs.net.tlssocket import CHUNK, TlsError, TlsSocket, TooSlow

__all__ = ["CALLBACKS", "CHUNK", "Context", "TlsError", "TlsSocket", "TooSlow", "accept", "connect", "server_context"]

CALLBACKS = psk.CALLBACKS  # "extern" or "closure": see crs.net.psk_build

_CIPHERS_12 = b"ECDHE-PSK-CHACHA20-POLY1305"
_SUITES_13 = b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
_GROUPS = b"X25519:P-256"
_VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}


class Context:
    """What a side offers, shared by all its connections. ``version``: "TLSv1.2" or "TLSv1.3" for just that one."""

    __slots__ = ("find_key", "ssl_context")

    def __init__(self, find_key: psk.FindKey | None = None, version: str | None = None) -> None:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(_VERSIONS[version or "TLSv1.2"])
        context.set_max_proto_version(_VERSIONS[version or "TLSv1.3"])
        context.set_cipher_list(_CIPHERS_12)
        context.set_tls13_ciphersuites(_SUITES_13)
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | lib.SSL_OP_IGNORE_UNEXPECTED_EOF)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(lib.SSL_MODE_RELEASE_BUFFERS)
        # With it a peer that sends nothing but key updates would hold the loop: OpenSSL would read on and on.
        context.clear_mode(lib.SSL_MODE_AUTO_RETRY)
        if lib.SSL_CTX_set1_curves_list(context._context, _GROUPS) != 1:
            raise TlsError(f"OpenSSL does not know the groups {_GROUPS.decode()}")
        self.ssl_context = context
        self.find_key = find_key
        if find_key is not None:
            psk.install_server(context._context)
        else:
            psk.install_client(context._context)


def server_context(find_key: psk.FindKey) -> Context:
    """A context for ``accept``. ``find_key(identity)`` gives the 32-byte key or None for an unknown identity.

    It runs inside OpenSSL: it must not block, yield or log. It is asked only for identities ``c.``, ``a.``, ``p.``,
    ``i.`` of printable ASCII, at most 128 bytes; an unknown one fails just as a wrong key does.
    """
    return Context(find_key)


_client_contexts: dict[str | None, Context] = {}


def accept(context: Context, sock: socket.socket, timeout_ms: float) -> TlsSocket:
    """The server's handshake on a connected ``sock``, which is taken over (and closed on failure).

    ``timeout_ms`` bounds the whole handshake, however the peer spaces its bytes. Raises TlsError.
    """
    connection = TlsSocket(context.ssl_context, sock)
    connection.handshake_as_server(context.find_key, timeout_ms)
    return connection


def connect(sock: socket.socket, identity: str, key: bytes, timeout_ms: float, version: str | None = None) -> TlsSocket:
    """The client's handshake on a connected ``sock``, which is taken over (and closed on failure).

    ``version``: "TLSv1.2" or "TLSv1.3" for just that one. Raises TlsError.
    """
    if version not in _client_contexts:
        _client_contexts[version] = Context(version=version)
    connection = TlsSocket(_client_contexts[version].ssl_context, sock)
    connection.handshake_as_client(identity, key, timeout_ms)
    return connection
