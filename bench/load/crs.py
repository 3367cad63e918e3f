"""Clients of the CRS for the load: WebSocket, register, messages, calls. See ``doc/protocol.md``.

A client's frames must be masked (RFC 6455, 5.3); the mask here is four zero bytes, which costs the load nothing and
the server what any mask does.
"""

import msgspec

from .loop import Link, Loop, Refused, psk_context
from .tally import BODY, Pair

GO = object()  # what a conversation is sent to begin its work

REGISTER, FETCH, POST, ASK = 1, 2, 3, 4  # the ids of requests: one of each is under way at most

_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: crs.v1\r\n\r\n"
)


class Item(msgspec.Struct, gc=False):
    ref: str
    kind: str
    id: str
    body: str


class Params(msgspec.Struct, gc=False):
    """What the load looks at in a result or in a notification."""

    messages: list[Item] = []
    more: bool = False
    session: str = ""
    legs: list[dict] = []
    worker: str = ""


class Incoming(msgspec.Struct, gc=False):
    id: int | None = None
    method: str = ""
    params: Params | None = None
    result: Params | None = None
    error: msgspec.Raw | None = None


decode = msgspec.json.Decoder(Incoming).decode


def head(some: bytes) -> tuple[list[bytes], bytes]:
    """Cut off an HTTP head."""
    end = some.find(b"\r\n\r\n") + 4
    return ([some[:end]], some[end:]) if end > 3 else ([], some)


def frames(some: bytes) -> tuple[list[bytes], bytes]:
    """Cut into the payloads of whole text frames. A ping is left unanswered: no run is that long."""
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
            raise Refused(f"the server closed: {some[start : start + length]!r}")
        at = start + length
    return found, some[at:]


def text(payload: bytes) -> bytes:
    """One masked frame."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, 0x80 | length)) + b"\0\0\0\0" + payload
    return b"\x81\xfe" + length.to_bytes(2) + b"\0\0\0\0" + payload


def ask(link: Link, number: int, method: bytes, params: bytes = b"{}") -> None:
    link.write(text(b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}' % (number, method, params)))


class Who:
    """One client: where it attaches, with what, as which device."""

    __slots__ = ("address", "uri", "secret")

    def __init__(self, address: tuple[str, int], uri: str, identity: str, key: bytes):
        self.address = address
        self.uri = uri.encode()
        self.secret = identity.encode(), key


_context = None


def open(loop: Loop, who: Who, conversation) -> Link:
    global _context
    if _context is None:
        _context = psk_context()
    return loop.open(who.address, _context, who.secret, conversation)


def handshake(link: Link):
    """A client that leaves as soon as TLS is up."""
    link.ready()
    return
    yield  # which makes it a conversation


def attached(link: Link):
    """From TLS to registered; the result of register."""
    link.cut = head
    link.write(_UPGRADE)
    answer = yield
    if not answer.startswith(b"HTTP/1.1 101"):
        raise Refused(f"upgrade: {answer[:60]!r}")
    link.cut = frames
    ask(link, REGISTER, b"register", b'{"device_id":"d","version":"bench","deliver":true}')
    while True:
        message = yield
        told = decode(message)
        if told.error is not None:
            raise Refused(f"register: {bytes(told.error)!r}")
        if told.id == REGISTER:
            break
    link.ready()
    return told.result


def idle(link: Link):
    """A client that is attached and says nothing."""
    yield from attached(link)
    while True:
        yield


def asking(times: list[float], clock):
    """A client that asks something small whenever it is resumed; ``times`` gets the seconds each answer took."""

    def conversation(link: Link):
        yield from attached(link)
        since = None
        while True:
            message = yield
            if message is GO:
                if since is None:
                    since = clock()
                    ask(link, ASK, b"session.list")
            elif decode(message).id == ASK:
                times.append(clock() - since)
                since = None

    return conversation


class Reader:
    """Reads a mailbox as a client does: a hint leads to a fetch, and what was shown is acknowledged, with the next post
    or by itself: then without an answer, as what is lost comes again."""

    def __init__(self, link: Link):
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

    def take(self, page: Params, fetched: bool) -> list[Item]:
        """The items of an answered fetch, or those that came by themselves; fetches on where there may be more."""
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
        """The refs of all that was taken since this was asked last, as JSON."""
        refs, self._refs = self._refs, []
        return msgspec.json.encode(refs)

    def acknowledge(self) -> None:
        if self._refs:
            self._link.write(text(b'{"jsonrpc":"2.0","method":"message.ack","params":{"refs":%s}}' % self.shown()))


def told(message: bytes) -> Incoming:
    incoming = decode(message)
    if incoming.error is not None:
        raise Refused(f"request {incoming.id}: {bytes(incoming.error)[:100]!r}")
    return incoming


def sender(pair: Pair, online: bool):
    """Posts one message after another, each when the one before is done."""
    uri, body = pair.receiver.uri, BODY.encode()

    def conversation(link: Link):
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
                for item in reader.take(incoming.result or incoming.params, incoming.id == FETCH):
                    if online and item.kind == "ack":
                        pair.was_answered(int(item.id[1:]))
                        post()
                if not online:
                    reader.acknowledge()

    return conversation


def receiver(pair: Pair):
    """Fetches, counts and acknowledges whatever comes; also what waited for it."""

    def conversation(link: Link):
        yield from attached(link)
        reader = Reader(link)
        reader.hint()
        while True:
            incoming = told((yield))
            if incoming.method == "message.waiting":
                reader.hint()
            elif incoming.id == FETCH or incoming.method == "message.arrived":
                for item in reader.take(incoming.result or incoming.params, incoming.id == FETCH):
                    if len(item.body) == len(BODY) and item.kind == "content":
                        pair.was_seen(int(item.id[1:]))
                    elif item.kind == "content":
                        pair.strays += 1
                reader.acknowledge()

    return conversation
