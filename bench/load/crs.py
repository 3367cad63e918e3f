"""Clients of the CRS for the load: WebSocket, register, messages, calls. See ``doc/protocol.md``.

A client must mask its frames (RFC 6455, 5.3); the mask here is four zero bytes, which costs the load nothing and the
server as much as any.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from OpenSSL import SSL

from .ledger import BODY, Pair
from .link import Conversation, LoadRefused, Talk, TlsLink
from .loop import LoadLoop, psk_context

GO = object()  # what a conversation is sent to begin its work

REGISTER, FETCH, POST, ASK = 1, 2, 3, 4  # the ids of requests: one of each is under way at most

_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: crs.v1\r\n\r\n"
)


class MailboxItem(msgspec.Struct, gc=False):
    ref: str
    kind: str
    id: str
    body: str


class Members(msgspec.Struct, gc=False):
    """The members of a result or a notification that the load uses."""

    messages: list[MailboxItem] = []
    more: bool = False
    session: str = ""
    legs: list[dict[str, Any]] = []
    worker: str = ""


class Incoming(msgspec.Struct, gc=False):
    id: int | None = None
    method: str = ""
    params: Members | None = None
    result: Members | None = None
    error: msgspec.Raw | None = None

    @property
    def content(self) -> Members:
        """The result, or the parameters of a notification."""
        return self.result or self.params or Members()


decode = msgspec.json.Decoder(Incoming).decode


def head(some: bytes) -> tuple[list[bytes], bytes]:
    """Cut off an HTTP head."""
    end = some.find(b"\r\n\r\n") + 4
    return ([some[:end]], some[end:]) if end > 3 else ([], some)


def frames(some: bytes) -> tuple[list[bytes], bytes]:
    """Cut into the payloads of whole text frames. Pings are not answered: no run is that long."""
    found, at, end = [], 0, len(some)
    while end - at >= 2:
        length, start = some[at + 1] & 127, at + 2
        if length == 126:
            length, start = int.from_bytes(some[at + 2 : at + 4]), at + 4
        elif length == 127:
            length, start = int.from_bytes(some[at + 2 : at + 10]), at + 10
        if end - start < length:
            break
        if some[at] & 15 == 1:
            found.append(some[start : start + length])
        elif some[at] & 15 == 8:
            raise LoadRefused(f"the server closed: {some[start : start + length]!r}")
        at = start + length
    return found, some[at:]


def text(payload: bytes) -> bytes:
    """One masked frame."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, 0x80 | length)) + b"\0\0\0\0" + payload
    return b"\x81\xfe" + length.to_bytes(2) + b"\0\0\0\0" + payload


def ask(link: TlsLink, number: int, method: bytes, params: bytes = b"{}") -> None:
    link.write(text(b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}' % (number, method, params)))


class CrsUser:
    """One client: where it attaches, its URI and key."""

    __slots__ = ("address", "uri", "secret")

    def __init__(self, address: tuple[str, int], uri: str, identity: str, key: bytes):
        self.address = address
        self.uri = uri.encode()
        self.secret = identity.encode(), key


_context: SSL.Context | None = None


def open(loop: LoadLoop, who: CrsUser, conversation: Conversation) -> TlsLink:
    global _context
    if _context is None:
        _context = psk_context()
    return loop.open(who.address, _context, who.secret, conversation)


def handshake(link: TlsLink) -> Talk[None]:
    """A client that leaves as soon as TLS is up."""
    link.ready()
    return
    yield  # which makes it a conversation


def attached(link: TlsLink) -> Talk[Members]:
    """From TLS to registered; the result of register."""
    link.cut = head
    link.write(_UPGRADE)
    answer = yield
    if not answer.startswith(b"HTTP/1.1 101"):
        raise LoadRefused(f"upgrade: {answer[:60]!r}")
    link.cut = frames
    ask(link, REGISTER, b"register", b'{"device_id":"d","version":"bench","deliver":true}')
    while True:
        message = yield
        told = decode(message)
        if told.error is not None:
            raise LoadRefused(f"register: {bytes(told.error)!r}")
        if told.id == REGISTER:
            break
    link.ready()
    return told.content


def idle(link: TlsLink) -> Talk[None]:
    """A client that is attached and says nothing."""
    yield from attached(link)
    while True:
        yield


def asking(times: list[float], clock: Callable[[], float]) -> Conversation:
    """A client that asks something small whenever it is resumed; ``times`` gets the seconds each answer took."""

    def conversation(link: TlsLink) -> Talk[None]:
        yield from attached(link)
        since: float | None = None
        while True:
            message = yield
            if message is GO:
                if since is None:
                    since = clock()
                    ask(link, ASK, b"session.list")
            elif decode(message).id == ASK and since is not None:
                times.append(clock() - since)
                since = None

    return conversation


class Reader:
    """Reads a mailbox as a client does: a hint leads to a fetch, and what was shown is acknowledged, with the next post
    or in a notification, which needs no answer: if it is lost, the items are delivered again."""

    def __init__(self, link: TlsLink):
        self._link = link
        self._refs: list[str] = []
        self._fetching = False
        self._hinted = False

    def hint(self) -> None:
        if self._fetching:
            self._hinted = True
        else:
            self._fetching = True
            ask(self._link, FETCH, b"message.fetch", b'{"limit":100}')

    def take(self, page: Members, fetched: bool) -> list[MailboxItem]:
        """The items of an answered fetch, or those that were delivered; fetches again if there may be more."""
        self._refs += [item.ref for item in page.messages]
        if not fetched:
            return page.messages
        self._fetching = False
        if page.more or self._hinted:
            self._hinted = False
            self.acknowledge()
            self.hint()
        return page.messages

    def shown(self) -> bytes:
        """The refs of all items since the last call, as JSON."""
        refs, self._refs = self._refs, []
        return msgspec.json.encode(refs)

    def acknowledge(self) -> None:
        if self._refs:
            self._link.write(text(b'{"jsonrpc":"2.0","method":"message.ack","params":{"refs":%s}}' % self.shown()))


def told(message: bytes) -> Incoming:
    incoming = decode(message)
    if incoming.error is not None:
        raise LoadRefused(f"request {incoming.id}: {bytes(incoming.error)[:100]!r}")
    return incoming


def sender(pair: Pair, online: bool) -> Conversation:
    """Posts one message after another, each when the one before is done."""
    uri, body = pair.receiver.uri, BODY.encode()

    def conversation(link: TlsLink) -> Talk[None]:
        yield from attached(link)
        reader = Reader(link)

        def post() -> None:
            number = pair.next()
            if number is None:
                reader.acknowledge()
            else:
                ask(
                    link,
                    POST,
                    b"message.post",
                    b'{"id":"m%d","to":"%s","body":"%s","ack":%s}' % (number, uri, body, reader.shown()),
                )

        while True:
            message = yield
            if message is GO:
                post()
                continue
            incoming = told(message)
            if incoming.id == POST:
                pair.was_stored()
                if not online:
                    post()
            elif incoming.method == "message.waiting":
                reader.hint()
            elif incoming.id == FETCH or incoming.method == "message.arrived":
                for item in reader.take(incoming.content, incoming.id == FETCH):
                    if online and item.kind == "ack":
                        pair.was_answered(int(item.id[1:]))
                        post()
                if not online:
                    reader.acknowledge()

    return conversation


def receiver(pair: Pair) -> Conversation:
    """Fetches, counts and acknowledges all messages, also those that waited for it."""

    def conversation(link: TlsLink) -> Talk[None]:
        yield from attached(link)
        reader = Reader(link)
        reader.hint()
        while True:
            incoming = told((yield))
            if incoming.method == "message.waiting":
                reader.hint()
            elif incoming.id == FETCH or incoming.method == "message.arrived":
                for item in reader.take(incoming.content, incoming.id == FETCH):
                    if len(item.body) == len(BODY) and item.kind == "content":
                        pair.was_seen(int(item.id[1:]))
                    elif item.kind == "content":
                        pair.strays += 1
                reader.acknowledge()

    return conversation
