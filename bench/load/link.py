"""One TLS connection of the load. TLS works on memory here: one ``recv`` and one ``send`` a turn of the loop, however
many messages they carry.
"""

import _socket
from collections.abc import Callable, Generator
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from OpenSSL._util import ffi, lib

from crs.net import psk

if TYPE_CHECKING:
    from .loop import LoadLoop

CHUNK = 65_536

T = TypeVar("T")
Talk = Generator[None, Any, T]  # is sent whole messages, and the GO of its protocol
Conversation = Callable[["TlsLink"], Talk[None]]
Cut = Callable[[bytes], tuple[list[bytes], bytes]]


class LoadRefused(Exception):
    """The server refused something or broke the protocol; the text says what."""


class TlsLink:
    """One connection. ``cut(bytes)`` splits what arrived into (messages, rest); the conversation sets it."""

    __slots__ = (
        "loop",
        "sock",
        "began",
        "cut",
        "name",
        "_ssl",
        "_incoming",
        "_outgoing",
        "_secret",
        "_rest",
        "_talk",
        "_unsent",
        "_registered",
        "_dirty",
    )

    def __init__(
        self,
        loop: "LoadLoop",
        sock: _socket.socket,
        ssl: Any,
        secret: psk.Handshake | None,
        conversation: Conversation,
    ):
        self.loop = loop
        self.sock = sock
        self.began = monotonic()
        self.cut: Cut = lambda some: ([some], b"")
        self.name = ""
        self._ssl = ssl
        self._incoming, self._outgoing = lib.BIO_new(lib.BIO_s_mem()), lib.BIO_new(lib.BIO_s_mem())
        lib.SSL_set_bio(ssl, self._incoming, self._outgoing)  # which then owns both
        self._secret = secret  # of a handshake under way
        self._rest = b""
        self._talk = conversation(self)
        self._unsent = b""
        self._registered = False
        self._dirty = False

    def write(self, some: bytes) -> None:
        """Send; everything written in one turn of the loop is sent together."""
        if self._ssl is not None:
            lib.SSL_write(self._ssl, some, len(some))
            self._flush_soon()

    def ready(self) -> None:
        """Called by the conversation, once: this client is attached."""
        self._registered = True
        self.loop.attached(self)

    def resume(self, message: object) -> None:
        """Send the conversation a message that is not from the network."""
        try:
            self._talk.send(message)
        except StopIteration:
            self.close()
        except LoadRefused as refused:
            self.loop.failed(self, str(refused))

    def close(self) -> None:
        if self._ssl is None:
            return
        if self._secret is not None:
            self._secret.__exit__()
            self._secret = None
        lib.SSL_shutdown(self._ssl)
        self.flush()
        ffi.release(self._ssl)
        self._ssl = None
        self.loop.left(self, self._registered)
        self.sock.close()

    # --- called by the loop

    def shake(self) -> None:
        """One step of the handshake; the conversation begins when it is done."""
        lib.ERR_clear_error()
        result = lib.SSL_do_handshake(self._ssl)
        if result != 1:
            if lib.SSL_get_error(self._ssl, result) != lib.SSL_ERROR_WANT_READ:
                reason = lib.ERR_reason_error_string(lib.ERR_get_error())
                raise LoadRefused(f"TLS: {ffi.string(reason).decode() if reason else 'failed'}")
            self._flush_soon()
            return
        if self._secret is not None:
            self._secret.__exit__()
            self._secret = None
        self._flush_soon()
        self.loop.shaken(self)
        try:
            next(self._talk)
        except StopIteration:
            self.close()

    def receive(self, scratch: Any, secured: bool) -> None:
        """Read what has arrived; ``secured``: the handshake is done. Raises LoadRefused, OSError, StopIteration."""
        some = self.sock.recv(CHUNK)
        if not some:
            raise LoadRefused("the server closed the connection")
        lib.BIO_write(self._incoming, some, len(some))
        if not secured:
            self.shake()
            if self._ssl is None or self.sock.fileno() in self.loop.shaking:
                return
        while self._ssl is not None and (count := lib.SSL_read(self._ssl, scratch, CHUNK)) > 0:
            messages, self._rest = self.cut(self._rest + ffi.buffer(scratch, count)[:])
            self._hand_on(messages)

    def _hand_on(self, messages: list[bytes]) -> None:
        for at, message in enumerate(messages):
            cut = self.cut
            self._talk.send(message)
            if self.cut is not cut and self._rest:  # the framing changes after this message
                more, self._rest = self.cut(b"".join(messages[at + 1 :]) + self._rest)
                self._hand_on(more)
                return

    def _flush_soon(self) -> None:
        if not self._dirty:
            self._dirty = True
            self.loop.dirty.append(self)

    def flush(self) -> None:
        """Send what is pending."""
        self._dirty = False
        if self._ssl is None:
            return
        scratch, out = self.loop.scratch, self._unsent
        while (count := lib.BIO_read(self._outgoing, scratch, CHUNK)) > 0:
            out += ffi.buffer(scratch, count)[:]
        if not out:
            return
        try:
            sent = self.sock.send(out)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.loop.failed(self, error.strerror or "send failed")
            return
        had, self._unsent = self._unsent, out[sent:]
        if bool(had) != bool(self._unsent):
            self.loop.watch(self, bool(self._unsent))
