"""Clients of ejabberd and Prosody for the load: direct TLS (XEP-0368), PLAIN, bind, presence; messages with stream
management acknowledgements (XEP-0198) and receipts (XEP-0184).

An answer is a message that asks to be stored (XEP-0334), so that a server with its archive on keeps both ways, as the
CRS does. Only as much XML is parsed as these servers write.
"""

import base64
import re
from collections.abc import Callable

from OpenSSL import SSL

from .ledger import BODY, Pair
from .link import LoadRefused, Talk, TlsLink
from .loop import LoadLoop, certificate_context

GO = object()  # what a conversation is sent to begin its work

_HEAD = (
    b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams'>"
)
_STANZA = re.compile(
    rb"<(message|iq|presence|stream:features|success|failure|enabled|failed)\b[^>]*?"
    rb"(?:/>|(?<!/)>.*?</\1>)|<([ar])\s[^>]*/>|<stream:error>.*",
    re.DOTALL,
)
_RECEIVED = re.compile(rb"<received [^>]*id=['\"]([0-9]+)['\"]")
_ID = re.compile(rb"^<message [^>]*?\bid=['\"]([0-9]+)['\"]")
_BODY = f"<body>{BODY}</body>".encode()
_ASK = b"<r xmlns='urn:xmpp:sm:3'/>"


class XmppUser:
    """One account on a server."""

    __slots__ = ("address", "user", "resource")

    def __init__(self, address: tuple[str, int], user: str):
        self.address = address
        self.user = user.encode()
        self.resource = b"d"

    @property
    def jid(self) -> bytes:
        return self.user + b"@localhost"


def stanzas(some: bytes) -> tuple[list[bytes], bytes]:
    """Cut into top-level elements; stream headers are dropped."""
    found, at = [], 0
    for match in _STANZA.finditer(some):
        found.append(match[0])
        at = match.end()
    return found, some[at:]


UserConversation = Callable[[TlsLink, XmppUser], Talk[None]]
_context: SSL.Context | None = None


def open(loop: LoadLoop, who: XmppUser, conversation: UserConversation) -> TlsLink:
    global _context
    if _context is None:
        _context = certificate_context()
    return loop.open(who.address, _context, None, lambda link: conversation(link, who))


def attached(link: TlsLink, who: XmppUser) -> Talk[None]:
    """From TLS to available."""
    link.cut = stanzas
    link.write(_HEAD)
    features = yield
    if b"PLAIN" not in features:
        raise LoadRefused(f"no PLAIN: {features[:100]!r}")
    secret = base64.b64encode(b"\0" + who.user + b"\0" + password(who.user))
    link.write(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" % secret)
    answer = yield
    if not answer.startswith(b"<success"):
        raise LoadRefused(f"login: {answer[:120]!r}")
    link.write(_HEAD)
    yield
    link.write(
        b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        b"<resource>%s</resource></bind></iq>" % who.resource
    )
    answer = yield
    if b"result" not in answer:
        raise LoadRefused(f"bind: {answer[:120]!r}")
    link.write(b"<presence><priority>1</priority></presence>")
    link.ready()


def password(user: bytes) -> bytes:
    return b"secret-of-" + user


def idle(link: TlsLink, who: XmppUser) -> Talk[None]:
    """A client that is available and says nothing."""
    yield from attached(link, who)
    while True:
        yield


class Managed:
    """The receiving half of stream management: stanzas counted, acknowledged when the server asks."""

    def __init__(self, link: TlsLink):
        self._link = link
        self._handled = 0

    def enable(self) -> None:
        self._link.write(b"<enable xmlns='urn:xmpp:sm:3'/>")

    def counts(self, stanza: bytes) -> bool:
        """Whether it was a stanza; a request for acknowledgement is answered here."""
        if stanza.startswith(b"<r "):
            self._link.write(b"<a xmlns='urn:xmpp:sm:3' h='%d'/>" % self._handled)
            return False
        if stanza.startswith((b"<message", b"<iq", b"<presence")):
            self._handled += 1
            return True
        if stanza.startswith(b"<enabled"):
            self._handled = 0  # earlier stanzas are not counted (XEP-0198, chapter 4)
        if stanza.startswith((b"<stream:error", b"<failed")):
            raise LoadRefused(f"stream: {stanza[:150]!r}")
        return False


def sender(pair: Pair, online: bool) -> UserConversation:
    """Sends one message after another, each when the one before is done."""

    def conversation(link: TlsLink, who: XmppUser) -> Talk[None]:
        yield from attached(link, who)
        managed = Managed(link)
        managed.enable()

        def post() -> None:
            number = pair.next()
            if number is not None:
                link.write(
                    b"<message to='%s' id='%d' type='chat'>%s</message>%s" % (pair.receiver.jid, number, _BODY, _ASK)
                )

        while True:
            stanza = yield
            if stanza is GO:
                post()
            elif stanza.startswith(b"<a "):
                if pair.stored < pair.posted:
                    pair.was_stored()
                    if not online:
                        post()
            elif managed.counts(stanza):
                if b"type='error'" in stanza or b'type="error"' in stanza:
                    raise LoadRefused(f"error: {stanza[:200]!r}")
                answer = _RECEIVED.search(stanza)
                if answer and online:
                    pair.was_answered(int(answer[1]))
                    post()

    return conversation


def receiver(pair: Pair) -> UserConversation:
    """Counts and answers all messages, also those that waited for it."""

    def conversation(link: TlsLink, who: XmppUser) -> Talk[None]:
        yield from attached(link, who)
        managed = Managed(link)
        managed.enable()
        while True:
            stanza = yield
            if not managed.counts(stanza) or not stanza.startswith(b"<message"):
                continue
            number = _ID.match(stanza)
            if number and _BODY in stanza:
                pair.was_seen(int(number[1]))
                link.write(
                    b"<message to='%s' type='chat' id='a%s'><received xmlns='urn:xmpp:receipts' id='%s'/>"
                    b"<store xmlns='urn:xmpp:hints'/></message>%s" % (pair.sender.jid, number[1], number[1], _ASK)
                )
            elif number:
                pair.strays += 1

    return conversation
