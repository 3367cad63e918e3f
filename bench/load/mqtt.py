"""Clients of mosquitto for the load: MQTT 3.1.1 over TLS-PSK, persistent sessions, QoS 1 both ways.

Messages go to the topic of the receiver, answers to that of the sender; each is acknowledged hop by hop (PUBACK), and
an answer is a message of its own, so both are stored for clients that are away.
"""

from collections.abc import Callable

from OpenSSL import SSL

from .ledger import BODY, Pair
from .link import LoadRefused, Talk, TlsLink
from .loop import LoadLoop, psk_context

GO = object()  # what a conversation is sent to begin its work
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9


class MqttUser:
    """One client with its key; the identity is its user name."""

    __slots__ = ("address", "name", "secret")

    def __init__(self, address: tuple[str, int], name: str, key: bytes):
        self.address = address
        self.name = name.encode()
        self.secret = self.name, key


def packets(some: bytes) -> tuple[list[bytes], bytes]:
    """Cut into whole control packets, each without its length: first byte, then the body."""
    found, at, end = [], 0, len(some)
    while end - at >= 2:
        length, shift, start = 0, 0, at + 1
        while start < end:
            length |= (some[start] & 127) << shift
            shift += 7
            start += 1
            if some[start - 1] < 128:
                break
        else:
            break
        if end - start < length:
            break
        found.append(some[at : at + 1] + some[start : start + length])
        at = start + length
    return found, some[at:]


def packet(first: int, body: bytes) -> bytes:
    length, coded = len(body), b""
    while length > 127:
        coded += bytes((128 | length & 127,))
        length >>= 7
    return bytes((first,)) + coded + bytes((length,)) + body


def string(some: bytes) -> bytes:
    return len(some).to_bytes(2) + some


def publish(topic: bytes, number: int, body: bytes) -> bytes:
    return packet(0x32, string(topic) + (number % 65_535 + 1).to_bytes(2) + body)


UserConversation = Callable[[TlsLink, MqttUser], Talk[None]]
_context: SSL.Context | None = None


def open(loop: LoadLoop, who: MqttUser, conversation: UserConversation) -> TlsLink:
    global _context
    if _context is None:
        _context = psk_context()
    return loop.open(who.address, _context, who.secret, lambda link: conversation(link, who))


def attached(link: TlsLink, who: MqttUser) -> Talk[list[bytes]]:
    """From TLS to subscribed to its own topic, in a session that outlives the connection."""
    link.cut = packets
    link.write(packet(0x10, string(b"MQTT") + b"\x04\x00\x00\x00" + string(who.name)))
    answer = yield
    if answer[0] >> 4 != CONNACK or answer[2]:
        raise LoadRefused(f"connect: {answer!r}")
    link.write(packet(0x82, b"\x00\x01" + string(b"to/" + who.name) + b"\x01"))
    early = []
    while (answer := (yield))[0] >> 4 != SUBACK:
        early.append(answer)
    link.ready()
    return early


def idle(link: TlsLink, who: MqttUser) -> Talk[None]:
    """A client that is subscribed and says nothing."""
    yield from attached(link, who)
    while True:
        yield


def _taken(link: TlsLink, message: bytes) -> bytes:
    """Acknowledge a PUBLISH; its body."""
    end = 3 + int.from_bytes(message[1:3])
    link.write(b"\x40\x02" + message[end : end + 2])
    return message[end + 2 :]


def sender(pair: Pair, online: bool) -> UserConversation:
    """Publishes one message after another, each when the one before is done."""

    def conversation(link: TlsLink, who: MqttUser) -> Talk[None]:
        yield from attached(link, who)

        def post() -> None:
            number = pair.next()
            if number is not None:
                link.write(publish(b"to/" + pair.receiver.name, number, b"%010d" % number + BODY[10:].encode()))

        while True:
            message = yield
            if message is GO:
                post()
            elif message[0] >> 4 == PUBACK:
                pair.was_stored()
                if not online:
                    post()
            elif message[0] >> 4 == PUBLISH:
                answer = _taken(link, message)
                if online:
                    pair.was_answered(int(answer))
                    post()

    return conversation


def receiver(pair: Pair) -> UserConversation:
    """Counts and answers all messages, also those that waited for it."""

    def conversation(link: TlsLink, who: MqttUser) -> Talk[None]:
        def take(message: bytes) -> None:
            if message[0] >> 4 == PUBLISH:
                body = _taken(link, message)
                number = int(body[:10]) if len(body) == len(BODY) else 0
                pair.was_seen(number)
                link.write(publish(b"to/" + pair.sender.name, number, b"%d" % number))

        for message in (yield from attached(link, who)):
            take(message)
        while True:
            take((yield))

    return conversation
