"""One epoll loop that drives many TLS connections, each by a conversation: a generator that is sent whole messages.

Lives here: sockets, TLS, the order of things. Never here: what a message means (``crs``, ``xmpp``, ``mqtt``), and
nothing of the server: the load runs beside it on a core of its own, and must cost less than what it measures. So TLS
works on memory here: one ``recv`` and one ``send`` a turn, however many messages they carry.
"""

import _socket
import heapq
import select
import socket
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from time import monotonic

from OpenSSL._util import ffi, lib

from crs.net import psk, tls

CHUNK = 65_536
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT

Conversation = Callable[["Link"], Generator[None, bytes, None]]


class Refused(Exception):
    """The server did not do what it should; the text says what."""


class Link:
    """One connection. ``cut(bytes)`` takes them apart into (messages, rest); the conversation chooses it."""

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

    def __init__(self, loop: "Loop", sock, ssl, secret, conversation: Conversation):
        self.loop = loop
        self.sock = sock
        self.began = monotonic()
        self.cut = lambda some: ([some], b"")
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
        """Send; what is written in one turn of the loop goes out as one."""
        if self._ssl is not None:
            lib.SSL_write(self._ssl, some, len(some))
            self._flush_soon()

    def ready(self) -> None:
        """Said by the conversation, once: this client is attached."""
        self._registered = True
        self.loop.attached(self)

    def resume(self, message) -> None:
        """Give the conversation a message that did not come from the wire."""
        try:
            self._talk.send(message)
        except StopIteration:
            self.close()
        except Refused as refused:
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

    # --- the loop's side

    def shake(self) -> None:
        """One step of the handshake; the conversation begins when it is done."""
        lib.ERR_clear_error()
        result = lib.SSL_do_handshake(self._ssl)
        if result != 1:
            if lib.SSL_get_error(self._ssl, result) != lib.SSL_ERROR_WANT_READ:
                reason = lib.ERR_reason_error_string(lib.ERR_get_error())
                raise Refused(f"TLS: {ffi.string(reason).decode() if reason else 'failed'}")
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

    def receive(self, scratch, secured: bool) -> None:
        """Take what has come; ``secured``: the handshake is done. Raises Refused, OSError, StopIteration."""
        some = self.sock.recv(CHUNK)
        if not some:
            raise Refused("the server closed the connection")
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
            if self.cut is not cut and self._rest:  # the protocol changed behind this message
                more, self._rest = self.cut(b"".join(messages[at + 1 :]) + self._rest)
                self._hand_on(more)
                return

    def _flush_soon(self) -> None:
        if not self._dirty:
            self._dirty = True
            self.loop.dirty.append(self)

    def flush(self) -> None:
        """Give the kernel what waits."""
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


class Loop:
    """All connections of one load process. Failures are counted by reason in ``failures``."""

    def __init__(self):
        self.links: dict[int, Link] = {}
        self.shaking: set[int] = set()  # descriptors whose handshake is under way
        self.dirty: list[Link] = []
        self.scratch = ffi.new("char[]", CHUNK)
        self.failures: Counter[str] = Counter()
        self.attach_times: list[float] = []  # seconds from connect to registered
        self.registered = 0
        self.opening = 0
        self.handshakes = 0
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._later: list = []
        self._count = 0

    def open(self, address, context, secret: tuple[bytes, bytes] | None, conversation: Conversation) -> Link:
        """Begin to connect. ``secret``: the PSK identity and key, None for a certificate's TLS."""
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        sock.connect_ex(address)
        ssl = ffi.gc(lib.SSL_new(context._context), lib.SSL_free)
        lib.SSL_set_connect_state(ssl)
        handshake = psk.Handshake(ssl, identity=secret[0], key=secret[1]).__enter__() if secret else None
        link = Link(self, sock, ssl, handshake, conversation)
        self.links[sock.fileno()] = link
        self.shaking.add(sock.fileno())
        self.opening += 1
        self._poll.register(sock.fileno(), _OUT)  # TCP is up when it can be written to
        return link

    def reader(self, fd: int, action: Callable[[], None]) -> None:
        """Run ``action`` whenever ``fd`` (a pipe, a UDP socket) can be read."""
        self._readers[fd] = action
        self._poll.register(fd, _IN)

    def forget(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._readers[fd]

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._later, (monotonic() + seconds, self._count, action))

    def run(self, done: Callable[[], bool], seconds: float) -> bool:
        """Serve until ``done()`` or until the time is over; returns whether it was done."""
        deadline = monotonic() + seconds
        while not done():
            now = monotonic()
            if now >= deadline:
                return False
            self.turn(min(deadline - now, 0.05))
        return True

    def turn(self, wait: float) -> None:
        """Once around: what has come, what is due, what is to be sent."""
        if self._later:
            wait = min(wait, max(0.0, self._later[0][0] - monotonic()))
        for fd, events in self._poll.poll(wait, 512):
            link = self.links.get(fd)
            if link is None:
                if fd in self._readers:
                    self._readers[fd]()
                continue
            self._serve(link, fd, events)
        while self._later and self._later[0][0] <= monotonic():
            heapq.heappop(self._later)[2]()
        dirty, self.dirty = self.dirty, []
        for link in dirty:
            link.flush()

    def _serve(self, link: Link, fd: int, events: int) -> None:
        try:
            if events & _IN:
                link.receive(self.scratch, fd not in self.shaking)
            elif events & _OUT and fd in self.shaking and link.name == "":
                link.name = "connected"
                self._poll.modify(fd, _IN)
                if error := link.sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
                    raise Refused(f"connect: error {error}")
                link.shake()
            elif events & _OUT:
                link.flush()
            else:
                raise Refused("the server reset the connection")
        except StopIteration:
            link.close()
        except BlockingIOError:
            pass
        except (Refused, OSError) as error:
            self.failed(link, str(error))

    # --- what links tell

    def watch(self, link: Link, writing: bool) -> None:
        self._poll.modify(link.sock.fileno(), _IN | _OUT if writing else _IN)

    def shaken(self, link: Link) -> None:
        self.shaking.discard(link.sock.fileno())
        self.handshakes += 1

    def attached(self, link: Link) -> None:
        self.opening -= 1
        self.registered += 1
        self.attach_times.append(monotonic() - link.began)

    def failed(self, link: Link, why: str) -> None:
        self.failures[why[:120]] += 1
        link.close()

    def left(self, link: Link, was_registered: bool) -> None:
        fd = link.sock.fileno()
        self.shaking.discard(fd)
        del self.links[fd]
        if was_registered:
            self.registered -= 1
        else:
            self.opening -= 1

    def close_all(self) -> None:
        for link in list(self.links.values()):
            link.close()


def attach(loop: Loop, openers: Iterable[Callable[[], Link]], in_flight: int, seconds: float) -> float:
    """Open one after another, at most ``in_flight`` at a time, until all are registered or the time is over. Returns
    the seconds it took; ``loop.attach_times`` has each one's."""
    waiting = deque(openers)
    began = monotonic()
    deadline = began + seconds
    while (waiting or loop.opening) and monotonic() < deadline:
        while waiting and loop.opening < in_flight:
            waiting.popleft()()
        loop.turn(0.05)
    return monotonic() - began


def certificate_context():
    """TLS as an XMPP client that trusts the server's certificate whatever it is: loopback, measured for speed."""
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def psk_context():
    """TLS-PSK as the CRS's own clients offer it. A read goes on behind a ticket: here no peer is hostile."""
    context = tls.Context().ssl_context
    context.set_mode(lib.SSL_MODE_AUTO_RETRY)
    return context


def udp_socket() -> socket.socket:
    """A UDP socket on loopback that never blocks."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock
