"""The pre-shared keys of TLS: the questions OpenSSL asks in the middle of a handshake, answered from memory.

The callbacks for PSK and tickets, and what a handshake under way must know to answer them. Nothing here may log, lock,
yield or raise: a callback runs inside OpenSSL.

The callbacks of TLS 1.2 (RFC 4279) serve TLS 1.3 (RFC 8446) too: OpenSSL takes their key as an external PSK with
SHA-256. A callback is told nothing but the ``SSL *`` it is for, so handshakes under way are found by that address.

Session tickets: OpenSSL 3 and 4 send one after every TLS 1.3 handshake, SSL_OP_NO_TICKET or not (it only makes them
stateful), and SSL_CTX_set_num_tickets is not in the bindings. But a server name callback that turns SSL_OP_NO_TICKET on
takes back what was planned (``final_server_name``), in both versions, whether the client sent a name or not.
"""

import os
import re
from collections.abc import Callable
from typing import Any

from OpenSSL._util import ffi, lib

try:
    from crs.net._psk import ffi as psk_ffi
    from crs.net._psk import lib as psk_lib

    CALLBACKS = "extern"
except ImportError:  # no compiler when this was installed
    psk_ffi = psk_lib = None
    CALLBACKS = "closure"

_NEEDED = (
    "SSL_CTX_set_psk_server_callback",
    "SSL_CTX_set_psk_client_callback",
    "SSL_CTX_set_tlsext_servername_callback",
    "SSL_CTX_set1_curves_list",
    "SSL_MODE_RELEASE_BUFFERS",
)
_missing = [name for name in _NEEDED if not hasattr(lib, name)]
if _missing:
    raise ImportError(
        f"the OpenSSL bindings of the installed cryptography package lack {', '.join(_missing)}: "
        "install pyOpenSSL and cryptography in the versions that setup.py names"
    )

FindKey = Callable[[bytes], bytes | None]
Pointer = Any  # of C: SSL *, SSL_CTX *, a buffer; the bindings have no types

KEY_SIZE = 32
_WELL_FORMED = re.compile(rb"[capi]\.[!-~]{1,126}")  # at most 128 bytes: the oldest callback's limit

_under_way: dict[int, "Handshake"] = {}


class Handshake:
    """What one handshake under way knows. As a context manager it is found by the callbacks.

    A server gives ``find_key``; afterwards ``identity`` is the one a key was given for, and ``fault`` what ``find_key``
    raised. A client gives ``identity`` and ``key``.
    """

    __slots__ = ("_ssl", "_address", "find_key", "identity", "key", "fault")

    def __init__(self, ssl: Pointer, find_key: FindKey | None = None, identity: bytes = b"", key: bytes = b"") -> None:
        self._ssl = ssl
        self._address = int(ffi.cast("uintptr_t", ssl))
        self.find_key = find_key
        self.identity = identity
        self.key = key
        self.fault: Exception | None = None

    def __enter__(self) -> "Handshake":
        _under_way[self._address] = self
        return self

    def __exit__(self, *_: object) -> None:
        del _under_way[self._address]

    def key_for(self, identity: bytes) -> bytes:
        """The server's answer: the key, a random one for the unknown, b"" for what is no identity of ours.

        A random key lets an unknown client fail exactly as one with a wrong key does. A ticket or an identity of
        another kind gets none, so that OpenSSL goes on to the next one in the hello.
        """
        if self.find_key is None or not _WELL_FORMED.fullmatch(identity):
            return b""
        try:
            key = self.find_key(identity)
        except Exception as fault:
            self.fault = fault
            return b""
        self.identity = identity
        return key or os.urandom(KEY_SIZE)

    def forgo_tickets(self) -> None:
        lib.SSL_set_options(self._ssl, lib.SSL_OP_NO_TICKET)


def _find(ssl: Pointer) -> Handshake | None:
    return _under_way.get(int(ffi.cast("uintptr_t", ssl)))


def _server(ssl: Pointer, identity: Pointer, key: Pointer, room: int) -> int:
    handshake = _find(ssl)
    answer = handshake.key_for(ffi.string(identity)) if handshake else b""
    if len(answer) > room:
        return 0
    ffi.memmove(key, answer, len(answer))
    return len(answer)


def _client(ssl: Pointer, _hint: Pointer, identity: Pointer, identity_room: int, key: Pointer, room: int) -> int:
    handshake = _find(ssl)
    if not handshake or len(handshake.identity) >= identity_room or len(handshake.key) > room:
        return 0
    ffi.memmove(identity, handshake.identity + b"\0", len(handshake.identity) + 1)
    ffi.memmove(key, handshake.key, len(handshake.key))
    return len(handshake.key)


def _no_ticket(ssl: Pointer, _alert: Pointer, _unused: Pointer) -> int:
    handshake = _find(ssl)
    if handshake:
        handshake.forgo_tickets()
    return int(lib.SSL_TLSEXT_ERR_OK)


def _as_c(function: Callable[..., int], name: str, signature: str) -> Pointer:
    """A C function pointer, of the type ``signature`` in the bindings, that runs ``function``."""
    if psk_lib is None:
        return ffi.callback(signature, function, error=0)
    psk_ffi.def_extern(name=name, error=0)(function)
    return ffi.cast(signature, psk_ffi.addressof(psk_lib, name))


_C_SERVER = _as_c(_server, "crs_psk_server", "unsigned int(*)(SSL *, char *, unsigned char *, unsigned int)")
_C_CLIENT = _as_c(
    _client, "crs_psk_client", "unsigned int(*)(SSL *, char *, char *, unsigned int, unsigned char *, unsigned int)"
)
_C_NO_TICKET = _as_c(_no_ticket, "crs_no_ticket", "int(*)(SSL *, int *, void *)")


def install_server(ssl_ctx: Pointer) -> None:
    """Make an ``SSL_CTX *`` ask a ``Handshake`` for keys, and send no ticket."""
    lib.SSL_CTX_set_psk_server_callback(ssl_ctx, _C_SERVER)
    lib.SSL_CTX_set_tlsext_servername_callback(ssl_ctx, _C_NO_TICKET)


def install_client(ssl_ctx: Pointer) -> None:
    """Make an ``SSL_CTX *`` take identity and key from a ``Handshake``."""
    lib.SSL_CTX_set_psk_client_callback(ssl_ctx, _C_CLIENT)
