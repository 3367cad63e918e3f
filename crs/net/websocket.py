"""A WebSocket on a TLS connection (RFC 6455), either side, in blocking style.

The life of one connection after its opening (``upgrade``): limits, the send queue, ping and pong, who ends what and
how. What a frame looks like is in ``crs.wire.frames``.

One greenlet calls ``receive``; any greenlet may send, ping or close, and none of these waits for the peer. A message is
written at once; only for a peer that does not read is there a queue, and a greenlet that empties it. A connection at
rest holds no bytes and no timer, and with ``receive_or_rest`` no greenlet (see ``rest``).
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, overload

import gevent

from crs.errors import CrsError
from crs.net import tls
from crs.net import upgrade as opening
from crs.net.tlssocket import SILENTLY
from crs.wire import frames
from crs.wire.heads import UpgradeError

__all__ = ["Closed", "Limits", "UpgradeError", "WebSocket", "client_upgrade", "upgrade"]

CLOSING_TIME = 2.0  # seconds that a peer has to answer a close frame, and to read our last words
_TURN = 16  # messages or reads after which a connection lets others run


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may cost. Sizes in bytes, times in milliseconds; shared by all connections of a kind."""

    max_message: int = 262_144
    max_frame: int | None = None  # None: as max_message
    max_fragments: int = 64
    control_rate: int = 20  # ping, pong and close frames a second, as many at once
    send_queue: int = 1_048_576  # what may wait for the peer behind the message, of any size, that it is taking
    send_timeout_ms: int = 20_000  # for 16 KiB of it
    upgrade_timeout_ms: int = 10_000
    max_header: int = 8192  # the whole HTTP head


class Closed(CrsError):
    """The connection is closed. ``code`` and ``reason`` as in a close frame (RFC 6455, 7.4; 1006: there was none);
    ``by_peer``: it was the peer who began."""

    def __init__(self, code: int, reason: str, by_peer: bool) -> None:
        super().__init__(f"closed by {'the peer' if by_peer else 'this side'}: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason
        self.by_peer = by_peer


def upgrade(connection: tls.TlsSocket, limits: Limits) -> "WebSocket":
    """The server's side of the opening. Raises UpgradeError: the refusal is sent, and the connection ends."""
    ahead = opening.serve(connection, limits.upgrade_timeout_ms, limits.max_header)
    return WebSocket(connection, limits, ahead, is_client=False)


def client_upgrade(
    connection: tls.TlsSocket,
    host: str,
    path: str = "/",
    timeout_ms: float = 10_000,
    limits: Limits = Limits(max_message=16 << 20),
) -> "WebSocket":
    """The client's side of the opening. Raises UpgradeError, the connection closed."""
    ahead = opening.ask(connection, host, path, timeout_ms, limits.max_header)
    return WebSocket(connection, limits, ahead, is_client=True)


class WebSocket:
    """One open WebSocket. ``last_heard``, ``last_pong``: time.monotonic() of the last bytes and of the last pong."""

    __slots__ = (
        "_tls",
        "_limits",
        "_decoder",
        "_is_client",
        "_queue",
        "_queue_most",
        "_flusher",
        "_closing",
        "_closer",
        "_ended",
        "_receiving",
        "_turn",
        "_control_until",
        "last_heard",
        "last_pong",
    )

    def __init__(self, connection: tls.TlsSocket, limits: Limits, ahead: bytes, is_client: bool) -> None:
        self._tls = connection
        self._limits = limits
        self._decoder = frames.Decoder(
            not is_client, limits.max_message, limits.max_frame or limits.max_message, limits.max_fragments
        )
        self._decoder.feed(ahead)
        self._is_client = is_client
        self._queue: bytearray | None = None  # what the peer has not taken yet
        self._queue_most = 0  # bytes: the message that had to wait first, and send_queue
        self._flusher: gevent.Greenlet[[], None] | None = None  # empties _queue
        self._closing: tuple[int, str] | None = None  # the close frame that was sent here first
        self._closer: gevent.Greenlet[[int, str, bool], None] | None = None  # ends a connection that is closing
        self._ended: tuple[int, str, bool] | None = None  # the arguments of Closed
        self._receiving = False
        self._turn = 0
        self._control_until = 0.0  # when all control frames so far are within the rate: a leaky bucket runs empty
        self.last_heard = monotonic()
        self.last_pong = 0.0

    @property
    def closed(self) -> bool:
        """Whether a close has begun; what is sent from here on goes nowhere."""
        return self._ended is not None or self._closing is not None

    # --- receiving

    def receive(self) -> bytes:
        """Wait for one text message, as UTF-8. Raises Closed, again at each call, when the connection has ended."""
        if self._closer is not None:
            self._closer.join()
        self._receiving = True
        try:
            return self._receive()
        finally:
            self._receiving = False

    def receive_or_rest(self, go_on: Callable[..., object], *arguments: Any) -> bytes | None:
        """As ``receive``, but where nothing has come it does not wait: it returns None, and ``go_on(*arguments)`` is
        called in a greenlet when this is to be called again."""
        if self._closer is not None and not self._receiving:
            self._closer.join()
        self._receiving = True
        message = self._receive((go_on, *arguments))
        self._receiving = message is None
        return message

    @overload
    def _receive(self) -> bytes: ...
    @overload
    def _receive(self, at_rest: tuple[Any, ...]) -> bytes | None: ...
    def _receive(self, at_rest: tuple[Any, ...] = ()) -> bytes | None:
        while True:
            self._give_way()
            if self._ended is not None:
                raise Closed(*self._ended)
            try:
                frame = self._decoder.next()
                if frame is None:
                    if at_rest and self._tls.drained:
                        self._tls.rest(*at_rest)
                        return None
                    self._read()
                elif frame.opcode != frames.TEXT:
                    self._handle_control(frame)
                elif self._closing is None:
                    return frame.payload
            except frames.Violation as violation:
                self._fail(violation)

    def _give_way(self) -> None:
        """A peer that sends without pause must not keep the loop; one that does not read is not asked for more."""
        self._turn = (self._turn + 1) % _TURN
        if self._turn == 0:
            gevent.sleep(0)
        if self._flusher is not None and self._queue and len(self._queue) > self._limits.send_queue // 2:
            self._flusher.join()

    def _read(self) -> None:
        why = "the connection was lost"
        try:
            some = self._tls.recv()
        except tls.TlsError as error:
            some, why = b"", str(error)
        if some:
            self.last_heard = monotonic()
            self._decoder.feed(some)
        else:
            self._end(frames.ABNORMAL, why, True, self._tls.close)

    def _handle_control(self, frame: frames.Frame) -> None:
        self._count_control(monotonic())
        if frame.opcode == frames.PING:
            self._put(frames.PONG, frame.payload)
        elif frame.opcode == frames.PONG:
            self.last_pong = self.last_heard
        else:
            self._handle_close(*frames.close_status(frame.payload))

    def _count_control(self, now: float) -> None:
        rate = self._limits.control_rate
        self._control_until = max(self._control_until, now) + 1 / rate
        if self._control_until > now + 1 + 0.5 / rate:
            raise frames.Violation(frames.POLICY, f"more than {rate} control frames a second")

    def _handle_close(self, code: int, reason: str) -> None:
        self._say_last(frames.close_payload(code))
        self._end(code, reason, True, self._linger)

    def _fail(self, violation: frames.Violation) -> None:
        """Fail the connection (7.1.7): say why, read no more."""
        self._say_last(frames.close_payload(violation.code, violation.reason))
        self._end(violation.code, violation.reason, False, self._linger)

    def _say_last(self, payload: bytes) -> None:
        self._put(frames.CLOSE, payload)
        if self._flusher is not None:
            self._flusher.join(CLOSING_TIME)

    # --- sending

    def send(self, message: bytes) -> None:
        """Send one text message (UTF-8). Never waits and never fails: a connection that is lost, ``receive`` tells.

        Ends the connection (1008, "too slow") when more than ``send_queue`` bytes wait behind the message that the peer
        is taking, or when it takes longer than ``send_timeout_ms`` over 16 KiB.
        """
        self._put(frames.TEXT, message)

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping of at most 125 bytes; the pong shows in ``last_heard`` and ``last_pong``. Never waits."""
        if len(payload) > frames.MAX_CONTROL:
            raise ValueError(f"a ping carries at most {frames.MAX_CONTROL} bytes")
        self._put(frames.PING, payload)

    def _put(self, opcode: int, payload: bytes) -> None:
        if self.closed:
            return
        frame = frames.encode(opcode, payload, os.urandom(4) if self._is_client else b"")
        if self._queue is None:
            try:
                frame = frame[self._tls.send_some(frame) :]
            except tls.TlsError as error:
                self._end(frames.ABNORMAL, str(error), True, self._tls.close)
                return
            if frame:
                self._queue = bytearray(frame)
                self._queue_most = len(frame) + self._limits.send_queue
                self._flusher = gevent.spawn(self._flush)
        elif len(self._queue) + len(frame) > self._queue_most:
            self._give_up()
        else:
            self._queue += frame

    def _flush(self) -> None:
        try:
            while self._queue:
                some = self._queue[: tls.CHUNK]
                self._tls.sendall(some, self._limits.send_timeout_ms)
                del self._queue[: len(some)]
        except tls.TooSlow:
            self._give_up()
        except tls.TlsError as error:
            self._end(frames.ABNORMAL, str(error), True, self._tls.close)
        self._queue = self._flusher = None

    def _give_up(self) -> None:
        """End without a word: there is no room for one between the bytes that the peer does not take."""
        self._end(frames.POLICY, "too slow", False, self._tls.abort)

    # --- closing

    def close(self, code: int = frames.NORMAL, reason: str = "") -> None:
        """Begin to close, if nobody has. Never waits: ``receive`` raises Closed when the peer has answered, or after
        CLOSING_TIME; where nobody receives, the same is seen to here."""
        self._put(frames.CLOSE, frames.close_payload(code, reason))
        if not self.closed:
            self._closing = code, reason
            self._closer = gevent.spawn(self._see_off, code, reason, self._receiving)

    def _see_off(self, code: int, reason: str, somebody_receives: bool) -> None:
        with gevent.Timeout(CLOSING_TIME, SILENTLY), suppress(Closed):
            gevent.sleep(CLOSING_TIME) if somebody_receives else self._receive()
        self._end(code, reason, False, self._tls.close)

    def _end(self, code: int, reason: str, by_peer: bool, leave: Callable[[], None]) -> None:
        """The one way out, taken once: what ``receive`` tells from now on, and how the connection is left.

        A connection that was closing ends as that, whatever came last.
        """
        if self._ended is None:
            self._ended = (*self._closing, False) if self._closing is not None else (code, reason, by_peer)
            leave()
            if self._closer is not None and self._closer is not gevent.getcurrent():
                self._closer.kill(block=False)
            self._closer = None  # it holds this connection, and once killed for ever

    def drop(self) -> None:
        """Close the connection where that has not been done."""
        self._tls.close()

    def _linger(self) -> None:
        self._tls.linger(CLOSING_TIME * 1000)
