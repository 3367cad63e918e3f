"""One TLS connection on gevent, in blocking style: a call blocks its greenlet alone.

The handshake and its time limit, reading, writing, the ways to close. What is offered is in ``tls``.

OpenSSL is called through pyOpenSSL's bindings, because ``SSL.Connection`` has no PSK, loses its place when a write
would block, and weighs more than all that is here.
"""

import _socket
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import gevent
from gevent.lock import Semaphore
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from crs.errors import CrsError
from crs.loop import turns
from crs.net import psk
from crs.net.rest import Rest

if TYPE_CHECKING:
    from gevent._types import _IoWatcher

CHUNK = 16_384  # bytes: the most that one TLS record carries

_END, _READ, _WRITE = 0, 1, 2  # the end of the stream, and what a libev watcher waits for
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds

SILENTLY: Any = False  # for a gevent.Timeout that only ends its block; its stubs do not know that

Role = Literal["_reading", "_writing"]  # a watcher that somebody waits with

_allocate = ffi.new_allocator(should_clear_after_alloc=False)


class TlsError(CrsError):
    """A handshake or a connection failed. The text is fit for a log: it holds no key and no identity."""


class TooSlow(TlsError):
    """The peer did not take what was written in the time it had."""


class TlsSocket:
    """One TLS connection. One greenlet reads; any may write; any may close, which ends the others' waiting."""

    __slots__ = (
        "_ssl",
        "sock",
        "identity",
        "drained",
        "_timeout",
        "_broken",
        "_lingering",
        "_reading",
        "_writing",
        "_lock",
    )

    def __init__(self, context: SSL.Context, sock: socket.socket) -> None:
        self.sock: _socket.socket = sock
        self.identity = ""  # the PSK identity that the peer proved; "" at a client
        self._timeout: float | None = None
        self._broken = False  # after a fatal error OpenSSL must not be asked to say goodbye
        self.drained = False  # the last read took all that OpenSSL had: wait before the next
        self._lingering = False
        # A watcher stays when its wait is over, as epoll then keeps the descriptor.
        self._reading: _IoWatcher | None = None
        self._writing: _IoWatcher | None = None
        self._lock: Semaphore | None = None
        self._ssl: psk.Pointer = None  # None: closed
        try:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A gevent socket weighs 0.6 KiB more, for watchers that are not used here.
            self.sock = _socket.socket(sock.family, sock.type, sock.proto, sock.detach())
        except OSError as error:
            sock.close()
            raise TlsError(f"the peer is gone: {error.strerror}") from None
        self.sock.setblocking(False)
        self._ssl = ffi.gc(lib.SSL_new(context._context), lib.SSL_free)
        lib.SSL_set_fd(self._ssl, self.sock.fileno())

    @property
    def version(self) -> str:
        """ "TLSv1.3" or "TLSv1.2"."""
        return ffi.string(lib.SSL_get_version(self._ssl)).decode() if self._ssl else ""

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite."""
        current = lib.SSL_get_current_cipher(self._ssl) if self._ssl else ffi.NULL
        return ffi.string(lib.SSL_CIPHER_get_name(current)).decode() if current else ""

    @property
    def closed(self) -> bool:
        return self._ssl is None

    def fileno(self) -> int:
        return self.sock.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """How long ``recv`` waits for the first byte; None for ever."""
        self._timeout = seconds

    # --- reading and writing

    def recv(self, size: int = CHUNK) -> bytes:
        """Wait for bytes, at most ``size``; b"" at the end, with or without a close_notify, and when closed here.

        Raises TlsError: a reset, a record that does not verify, the time of ``settimeout``.
        """
        if self._timeout is None:
            return self._recv(size)
        with gevent.Timeout(self._timeout, TlsError("nothing came in time")):
            return self._recv(size)

    def _recv(self, size: int) -> bytes:
        wanted = _READ if self.drained else _END
        try:
            while self._ssl is not None:
                if wanted != _END:
                    self._wait("_reading", wanted)
                chunk, wanted = self._read(size)
                if wanted == _END:
                    self.drained = len(chunk) < size and lib.SSL_pending(self._ssl) == 0
                    return chunk
        except _Closed:
            pass
        return b""

    def rest(self, go_on: Callable[..., object], *arguments: Any) -> None:
        """Return at once, and call ``go_on(*arguments)`` in a greenlet when ``recv`` would not wait; it alone."""
        self.drained = False
        Rest(self._watcher("_reading", _READ), go_on, arguments)

    def _read(self, size: int) -> tuple[bytes, int]:
        # The buffer lives in this frame only: none is held while the connection is idle.
        buffer = _allocate("char[]", size)
        lib.ERR_clear_error()
        count = lib.SSL_read(self._ssl, buffer, size)
        if count > 0:
            return ffi.buffer(buffer, count)[:], _END
        return b"", self._wanted(count)

    def send_some(self, data: bytes) -> int:
        """Write what can be written without waiting; returns how many bytes, 0 where none.

        What is left must be the beginning of what is written next: OpenSSL may hold the record that it began with.
        Raises TlsError.
        """
        if self._lock is not None and self._lock.locked():
            return 0
        return self._write(memoryview(data))[0]

    def sendall(self, data: bytes | bytearray, timeout_ms: float) -> None:
        """Write all of ``data`` within ``timeout_ms``. Raises TlsError; the connection is of no use then."""
        if self._lock is None:
            self._lock = Semaphore()
        left = memoryview(data)
        with gevent.Timeout(timeout_ms / 1000, TooSlow("the peer does not read")), self._lock:
            while left:
                count, wanted = self._write(left)
                left = left[count:]
                if left:
                    self._wait("_writing", wanted)

    def _write(self, data: memoryview) -> tuple[int, int]:
        """Bytes written, and what to wait for before the rest."""
        done = 0
        while done < len(data):
            if self._ssl is None:
                raise TlsError("the connection is closed")
            piece = data[done : done + CHUNK]
            lib.ERR_clear_error()
            count = lib.SSL_write(self._ssl, ffi.from_buffer(piece), len(piece))
            if count <= 0:
                wanted = self._wanted(count)
                if wanted == _END:
                    raise TlsError("the peer closed the connection")
                return done, wanted
            done += count
        return done, _WRITE

    # --- closing

    def close(self) -> None:
        """Say goodbye (close_notify) if that can be done at once, and close; one that lingers is left to that."""
        if self._ssl is not None and not self._lingering:
            self._say_goodbye()
            self._close()

    def abort(self) -> None:
        """Close with a reset, so that nothing is kept for a peer that does not read."""
        if self._ssl is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._close()

    def linger(self, timeout_ms: float) -> None:
        """Say goodbye, and close when the peer has closed too, or after ``timeout_ms``: in a greenlet of its own.

        What the peer still sends is thrown away. To close with bytes unread would send a reset, which may overtake the
        last words that were written here.
        """
        if self._ssl is not None and not self._lingering:
            self._lingering = True
            self._say_goodbye()
            gevent.spawn(self._see_off, timeout_ms)

    def _see_off(self, timeout_ms: float) -> None:
        try:
            with gevent.Timeout(timeout_ms / 1000, SILENTLY):
                self.sock.shutdown(socket.SHUT_WR)
                while self._ssl is not None:
                    self._wait("_reading", _READ)
                    if not self.sock.recv(4 * CHUNK):
                        break
        except (OSError, _Closed):
            pass
        finally:
            self._lingering = False
            self.close()

    def _say_goodbye(self) -> None:
        if not self._broken:
            self._broken = True
            lib.ERR_clear_error()
            lib.SSL_shutdown(self._ssl)

    def _close(self) -> None:
        ssl, self._ssl = self._ssl, None
        waiting = [watcher for watcher in (self._reading, self._writing) if watcher is not None]
        # The descriptor may be given away again only when no watcher is left on it.
        gevent.get_hub().cancel_waits_close_and_then(waiting, _Closed, self.sock.close)
        ffi.release(ssl)

    # --- OpenSSL and the loop

    def handshake_as_server(self, find_key: psk.FindKey | None, timeout_ms: float) -> None:
        """See ``tls.accept``."""
        lib.SSL_set_accept_state(self._ssl)
        handshake = psk.Handshake(self._ssl, find_key=find_key)
        self._handshake(handshake, timeout_ms)
        self.identity = handshake.identity.decode()

    def handshake_as_client(self, identity: str, key: bytes, timeout_ms: float) -> None:
        """See ``tls.connect``."""
        lib.SSL_set_connect_state(self._ssl)
        self._handshake(psk.Handshake(self._ssl, identity=identity.encode(), key=key), timeout_ms)

    def _handshake(self, handshake: psk.Handshake, timeout_ms: float) -> None:
        too_slow = TlsError(f"the handshake took longer than {timeout_ms:.0f} ms")
        try:
            with handshake, gevent.Timeout(timeout_ms / 1000, too_slow):
                while (wanted := self._do_handshake()) != _END:
                    self._wait("_reading", wanted, shaking=True)
        except BaseException:
            self.close()
            if handshake.fault:
                raise TlsError("the lookup of a key failed") from handshake.fault
            raise

    def _do_handshake(self) -> int:
        """One step; what to wait for before the next, _END when it is done. Raises TlsError."""
        lib.ERR_clear_error()
        result = lib.SSL_do_handshake(self._ssl)
        if result == 1:
            return _END
        wanted = self._wanted(result)
        if wanted == _END:
            raise TlsError("the peer closed the connection during the handshake")
        return wanted

    def _wanted(self, result: int) -> int:
        """What a call that returned ``result`` waits for: _READ, _WRITE, or _END of the stream. Raises TlsError."""
        error = lib.SSL_get_error(self._ssl, result)
        if error == lib.SSL_ERROR_WANT_READ:
            return _READ
        if error == lib.SSL_ERROR_WANT_WRITE:
            return _WRITE
        number = ffi.errno
        if error == lib.SSL_ERROR_ZERO_RETURN:
            return _END
        self._broken = True
        if error == lib.SSL_ERROR_SYSCALL:
            if number == 0:
                return _END
            raise TlsError(os.strerror(number).lower())
        reason = lib.ERR_reason_error_string(lib.ERR_get_error())
        raise TlsError(ffi.string(reason).decode() if reason else "TLS failed")

    def _wait(self, role: Role, events: int, shaking: bool = False) -> None:
        """Block until the socket is ready and it is our turn. In each role, _reading and _writing, one may wait."""
        hub = gevent.get_hub()
        hub.wait(self._watcher(role, events))
        turns.of(hub).take(shaking)
        if self._ssl is None:
            raise _Closed

    def _watcher(self, role: Role, events: int) -> "_IoWatcher":
        watcher: _IoWatcher | None = getattr(self, role)
        if watcher is None or watcher.events != events:  # type: ignore[attr-defined]  # missing in the stubs
            if watcher is not None:
                watcher.close()
            watcher = gevent.get_hub().loop.io(self.sock.fileno(), events)
            setattr(self, role, watcher)
        return watcher


class _Closed(TlsError):
    """Thrown into greenlets that wait on a connection that another closes."""

    def __init__(self) -> None:
        super().__init__("the connection was closed here")
