"""One device of one client: attached and registered as long as the object lives, through failures of servers.

Attach, register, keep-alive, reconnect, and requests that are repeated until they are answered. It knows nothing of
what the methods mean, of ciphers or files. Light: one greenlet a client, and nothing imported that it does not use.
"""

import logging
import random as _random
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

import gevent
import msgspec
from gevent import socket
from gevent.event import Event

from crs import __version__, errors
from crs.client.addresses import AddressCycle, Backoff, Uniform
from crs.client.rpc import LinkLost, RpcLink, content
from crs.net import tls, websocket
from crs.net.tls import TlsSocket
from crs.wire.vocabulary import NOTIFICATIONS, Nothing, Params, Reconnect, Register, Registered, Unregistered

LOG = logging.getLogger("crs.client")

CONNECT_TIMEOUT = 5.0  # seconds
HANDSHAKE_TIMEOUT = 10_000  # milliseconds, for TLS and for the upgrade each
TRY_TIMEOUT = 15.0  # seconds without an answer after which a connection is taken for dead
PONG_TIMEOUT = 10.0  # seconds
STEADY = 5.0  # seconds: a connection that lived this long resets the back-off
TURNS = 20  # attempts to reach a worker other than the avoided one
FINAL = {"replaced", "blacklisted", "account-deleted"}  # reasons of *unregistered* after which a client stays away

NOTHING = Nothing()

T = TypeVar("T")


class ClientConnection:
    """Registered on one server at a time under ``device_id``.

    ``ping``: the longest time between pings in seconds (the server may ask for a shorter one). ``avoid_worker``: name
    of a worker (``Registered.worker``) that must not serve this client. ``deliver``: new messages are delivered as
    message.arrived.
    """

    def __init__(
        self,
        addresses: AddressCycle,
        device_id: str,
        type: Literal["primary", "secondary"] = "primary",
        ping: float = 60.0,
        avoid_worker: str | None = None,
        deliver: bool = False,
        random: Uniform | None = None,
    ):
        self.registered: Registered | None = None  # what the server said; None while not registered
        self.ended: str | None = None  # why this client stays away for good
        self.last_error: str | None = None  # why the last attempt or connection failed
        self.attaches = 0  # registrations so far
        self._addresses = addresses
        self._greeting = Register(device_id, f"crs-client/{__version__}", type, deliver)
        self._ping = ping
        self._avoided = avoid_worker
        self._random: Uniform = random or _random  # the generator of the module: each Random takes 2.5 KiB
        self._backoff = Backoff(self._random)
        self._hearers: dict[str, list[Callable[[Any], object]]] = {}
        self._link: RpcLink | None = None
        self._ready = Event()
        self._greenlet: gevent.Greenlet[..., Any] | None = None

    def hear(self, method: str, hearer: Callable[[Any], object]) -> None:
        """Have ``hearer(params)`` called for each notification ``method``; also for ``registered`` (the answer to
        register, after each attach) and ``lost`` (why, after each connection). It runs in the reading
        greenlet and must not wait."""
        self._hearers.setdefault(method, []).append(hearer)

    def start(self) -> "ClientConnection":
        """Attach, and stay attached; returns at once."""
        self._greenlet = gevent.spawn(self._run)
        return self

    def wait_registered(self, timeout: float | None = None) -> Registered:
        """Wait until registered. Raises NotRegistered (it never will be again) or Unavailable (not in time)."""
        registered = self._wait(None if timeout is None else time.monotonic() + timeout)
        if registered is None:
            raise errors.Unavailable(f"not attached within {timeout:g} s: {self.last_error or 'no answer'}")
        return registered

    def _wait(self, deadline: float | None) -> Registered | None:
        """Wait until registered; None if not by ``deadline`` (time.monotonic). Raises NotRegistered."""
        while self.registered is None:
            if self.ended is not None:
                raise errors.NotRegistered(f"this client is off: {self.ended}", reason=self.ended)
            if not self._ready.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                return None
        return self.registered

    @overload
    def call(self, method: str, params: Params = NOTHING, result: None = None, timeout: float = 30.0) -> None: ...

    @overload
    def call(self, method: str, params: Params = NOTHING, *, result: type[T], timeout: float = 30.0) -> T: ...

    @overload
    def call(self, method: str, params: Params, result: type[T], timeout: float = 30.0) -> T: ...

    def call(self, method: str, params: Params = NOTHING, result: Any = None, timeout: float = 30.0) -> Any:
        """Call ``method`` and wait for its result, decoded as the type ``result``.

        A lost connection and a server in trouble are retried with the same parameters until ``timeout`` (seconds)
        has passed: the protocol's requests are idempotent. Raises the RpcError that the server told, or Unavailable.
        """
        deadline = time.monotonic() + timeout
        pauses = Backoff(self._random)
        trouble: errors.RpcError | None = None
        while True:
            self._wait(deadline)
            link = self._link
            if link is None:
                raise trouble or errors.Unavailable(
                    f"{method}: not attached within {timeout:g} s: {self.last_error or 'no answer'}"
                )
            try:
                return self._ask(link, method, params, result, deadline)
            except LinkLost as lost:
                trouble = trouble or errors.Unavailable(f"{method}: no answer within {timeout:g} s ({lost})")
            except errors.NotRegistered as refused:
                link.close(1000, "register again")
                trouble = errors.Unavailable(f"{method}: {refused}")
            except errors.RpcError as refused:
                if not refused.retry:
                    raise
                trouble = refused
            pause = pauses.pause()
            if time.monotonic() + pause >= deadline:
                raise trouble
            gevent.sleep(pause)

    def close(self, reason: str = "client closes") -> None:
        """Leave for good: unregister where that is possible within a moment, close the connection."""
        if self.ended is None:
            self.ended = reason
        self._hearers.clear()
        link = self._link
        if link is not None:
            link.request("unregister", NOTHING).wait(1.0)
            link.close(1000, "bye")
        if self._greenlet is not None and self._greenlet is not gevent.getcurrent():
            self._greenlet.kill()
        self._drop()

    # --- the life of a connection ---

    def _run(self) -> None:
        while self.ended is None:
            began = time.monotonic()
            try:
                link, registered = self._attach()
                self._announce(link, registered)
                link.pump()
            except (OSError, LinkLost, errors.CrsError, msgspec.MsgspecError) as error:
                self.last_error = str(error) or type(error).__name__
                LOG.info("connection lost or refused: %s", self.last_error)
            finally:
                self._drop()
            if time.monotonic() - began > STEADY:
                self._backoff.reset()
            if self.ended is None:
                gevent.sleep(self._backoff.pause())

    def _attach(self) -> tuple[RpcLink, Registered]:
        for _ in range(TURNS):
            link, registered = self._open()
            if self._avoided is None or registered.worker != self._avoided:
                self._link, self.registered = link, registered
                return link, registered
            link.close(1000, "another worker is wanted")
        raise errors.Unavailable(f"no worker but {self._avoided} answers")

    def _open(self) -> tuple[RpcLink, Registered]:
        """Connect to the next address, authenticate and register."""
        attempt = self._addresses.next(int(time.time() * 1000))
        sock = socket.socket(attempt.family, socket.SOCK_STREAM)
        opened: socket.socket | TlsSocket | RpcLink = sock  # what is to be closed if the next step fails
        try:
            sock.settimeout(CONNECT_TIMEOUT)
            sock.connect(attempt.address)
            sock.settimeout(None)
            opened = secured = tls.connect(sock, attempt.identity, attempt.key, HANDSHAKE_TIMEOUT)
            upgraded = websocket.client_upgrade(secured, attempt.host, timeout_ms=HANDSHAKE_TIMEOUT)
            opened = link = RpcLink(upgraded, self._take)
            answer = link.request("register", self._greeting)
            with gevent.Timeout(TRY_TIMEOUT, errors.Unavailable("register: no answer")):
                link.pump(until=answer)
            registered = msgspec.json.decode(content(answer), type=Registered)
        except BaseException as error:
            opened.close()
            if isinstance(error, tls.TlsError | errors.Denied):
                self._addresses.refused()
            raise
        self._addresses.admitted()
        return link, registered

    def _announce(self, link: RpcLink, registered: Registered) -> None:
        self.attaches += 1
        self._tell("registered", registered)
        self._ready.set()
        self._plan_ping(link, registered.keep_alive.interval)

    def _drop(self) -> None:
        link, self._link, self.registered = self._link, None, None
        if self.ended is None:
            self._ready.clear()
        else:
            self._ready.set()  # wake those who wait: they see that it ended
        if link is not None:
            link.close()
            self._tell("lost", link.lost)

    def _ask(self, link: RpcLink, method: str, params: Params, result: Any, deadline: float) -> Any:
        answer = link.request(method, params)
        try:
            raw = content(answer, max(0.0, min(TRY_TIMEOUT, deadline - time.monotonic())))
        except gevent.Timeout:
            if time.monotonic() < deadline:
                link.close(1000, "no answer")
            raise LinkLost("no answer in time") from None
        return msgspec.json.decode(raw, type=result) if result is not None else None

    # --- keep-alive ---

    def _plan_ping(self, link: RpcLink, interval: int) -> None:
        """``interval``: what the server asked for, in milliseconds."""
        bound = min(self._ping, 0.75 * interval / 1000)
        gevent.spawn_later(self._random.uniform(0.5, 1.0) * bound, self._send_ping, link, interval)

    def _send_ping(self, link: RpcLink, interval: int) -> None:
        if link is self._link:
            link.ping()
            gevent.spawn_later(PONG_TIMEOUT, self._check_pong, link, interval, time.monotonic())

    def _check_pong(self, link: RpcLink, interval: int, asked: float) -> None:
        if link is not self._link:
            return
        if link.last_heard < asked:
            link.close(1000, "no pong")
        else:
            self._plan_ping(link, interval)

    # --- notifications ---

    def _take(self, method: str, raw: msgspec.Raw) -> None:
        kind = NOTIFICATIONS.get(method)
        if kind is None:
            return
        params = msgspec.json.decode(raw, type=kind)
        if isinstance(params, Unregistered):
            self._dismissed(params)
        elif isinstance(params, Reconnect):
            gevent.spawn_later(self._random.uniform(0, params.within / 1000), self._move, self._link)
        self._tell(method, params)

    def _dismissed(self, told: Unregistered) -> None:
        if told.reason in FINAL:
            self.ended = told.reason
        if self._link is not None:
            self._link.close(1000, f"unregistered: {told.reason}")

    def _move(self, link: RpcLink | None) -> None:
        if link is not None and link is self._link:
            link.close(1000, "moving")

    def _tell(self, method: str, params: Any) -> None:
        for hearer in self._hearers.get(method, ()):
            try:
                hearer(params)
            except Exception:
                LOG.exception("hearing %s failed", method)  # the connection outlives a fault of a hearer
