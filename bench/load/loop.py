"""One epoll loop that drives many TLS connections, each by a conversation: a generator that is sent whole messages.

The protocols are in ``crs``, ``xmpp`` and ``mqtt``. The load runs on a core of its own and must cost less than the
server that it measures.
"""

import _socket
import heapq
import select
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable
from time import monotonic

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from crs.net import psk, tls

from .link import CHUNK, Conversation, LoadRefused, TlsLink

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class LoadLoop:
    """All connections of one load process. Failures are counted by reason in ``failures``."""

    def __init__(self) -> None:
        self.links: dict[int, TlsLink] = {}
        self.shaking: set[int] = set()  # descriptors whose handshake is under way
        self.dirty: list[TlsLink] = []
        self.scratch = ffi.new("char[]", CHUNK)
        self.failures: Counter[str] = Counter()
        self.attach_times: list[float] = []  # seconds from connect to registered
        self.registered = 0
        self.opening = 0
        self.handshakes = 0
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    def open(
        self,
        address: tuple[str, int],
        context: SSL.Context,
        secret: tuple[bytes, bytes] | None,
        conversation: Conversation,
    ) -> TlsLink:
        """Begin to connect. ``secret``: the PSK identity and key, None for a certificate's TLS."""
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        sock.connect_ex(address)
        ssl = ffi.gc(lib.SSL_new(context._context), lib.SSL_free)
        lib.SSL_set_connect_state(ssl)
        handshake = psk.Handshake(ssl, identity=secret[0], key=secret[1]).__enter__() if secret else None
        link = TlsLink(self, sock, ssl, handshake, conversation)
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

    def later(self, seconds: float, action: Callable[[], object]) -> None:
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
        """One turn: read what arrived, run what is due, send what is pending."""
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

    def _serve(self, link: TlsLink, fd: int, events: int) -> None:
        try:
            if events & _IN:
                link.receive(self.scratch, fd not in self.shaking)
            elif events & _OUT and fd in self.shaking and link.name == "":
                link.name = "connected"
                self._poll.modify(fd, _IN)
                if error := link.sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
                    raise LoadRefused(f"connect: error {error}")
                link.shake()
            elif events & _OUT:
                link.flush()
            else:
                raise LoadRefused("the server reset the connection")
        except StopIteration:
            link.close()
        except BlockingIOError:
            pass
        except (LoadRefused, OSError) as error:
            self.failed(link, str(error))

    # --- called by the links

    def watch(self, link: TlsLink, writing: bool) -> None:
        self._poll.modify(link.sock.fileno(), _IN | _OUT if writing else _IN)

    def shaken(self, link: TlsLink) -> None:
        self.shaking.discard(link.sock.fileno())
        self.handshakes += 1

    def attached(self, link: TlsLink) -> None:
        self.opening -= 1
        self.registered += 1
        self.attach_times.append(monotonic() - link.began)

    def failed(self, link: TlsLink, why: str) -> None:
        self.failures[why[:120]] += 1
        link.close()

    def left(self, link: TlsLink, was_registered: bool) -> None:
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


def attach(loop: LoadLoop, openers: Iterable[Callable[[], object]], in_flight: int, seconds: float) -> float:
    """Open connections, at most ``in_flight`` at a time, until all are registered or the time is over. Returns the
    seconds it took; ``loop.attach_times`` has those of each."""
    waiting = deque(openers)
    began = monotonic()
    deadline = began + seconds
    while (waiting or loop.opening) and monotonic() < deadline:
        while waiting and loop.opening < in_flight:
            waiting.popleft()()
        loop.turn(0.05)
    return monotonic() - began


def certificate_context() -> SSL.Context:
    """TLS as of an XMPP client; the server's certificate is not verified: only speed matters on loopback."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def psk_context() -> SSL.Context:
    """TLS-PSK as CRS clients offer it. AUTO_RETRY reads on after a session ticket: no peer is hostile here."""
    context = tls.Context().ssl_context
    context.set_mode(lib.SSL_MODE_AUTO_RETRY)
    return context


def udp_socket() -> socket.socket:
    """A UDP socket on loopback that never blocks."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock
