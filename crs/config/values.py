"""The values that a configuration line can hold: how it is cut into words, and a parser for each kind of value.

A parser takes the words after the directive's name, and returns the value or raises ``Wrong``.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from crs import names

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Clients = Network | names.Client  # whom a rule is for
_Value = TypeVar("_Value")

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")  # no dot: that separates the parts of identities and session ids
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_WORD = re.compile(r'[ \t]*(?:"(?P<quoted>[^"]*)"(?=[ \t]|$)|(?P<bare>[^ \t"#][^ \t]*))')


class Word(NamedTuple):
    """One word of a line and the column (from 1) where it begins."""

    text: str
    column: int


class Wrong(Exception):
    """A value is not right. ``word`` is where (None: the whole line); without a ``remedy`` the syntax is shown."""

    def __init__(self, what: str, remedy: str = "", word: Word | None = None):
        super().__init__(what)
        self.what, self.remedy, self.word = what, remedy, word


Parser = Callable[[list[Word]], Any]  # each directive has a type of its own: see ``settings.Config``


def words(line: str) -> list[Word]:
    """Cut a line into words. A value with spaces stands in ``"``; ``#`` at the start of a word begins a comment."""
    found, at = [], 0
    while (rest := line[at:].lstrip(" \t")) and not rest.startswith("#"):
        match = _WORD.match(line, at)
        if not match:
            raise Wrong(
                "the quotation marks do not match",
                'put " before and behind the value, with spaces around',
                Word("", len(line) - len(rest) + 1),
            )
        kind = "bare" if match["quoted"] is None else "quoted"
        word = Word(match[kind], match.start(kind) + 1)
        if not word.text.isprintable():
            raise Wrong("there is an invisible character in this word", "type the word again", word)
        found.append(word)
        at = match.end()
    return found


class Number:
    """A whole number within bounds, both included."""

    def __init__(self, low: int, high: int, unit: str = ""):
        self.low, self.high = low, high
        self.bounds = f"{low} to {high}" + (f" {unit}" if unit else "")

    def __call__(self, given: list[Word]) -> int:
        word = _single(given)
        if not re.fullmatch(r"[0-9]{1,30}", word.text):
            raise Wrong(f"{word.text:.40} is not a whole number", f"write a number, {self.bounds}", word)
        if not self.low <= int(word.text) <= self.high:
            raise Wrong(f"{word.text} is out of bounds", f"write a number, {self.bounds}", word)
        return int(word.text)


class Choice(Generic[_Value]):
    """One of a few words; ``choices`` maps what the operator writes to the value."""

    def __init__(self, **choices: _Value):
        self.choices = {key.replace("_", "-"): value for key, value in choices.items()}

    def __call__(self, given: list[Word]) -> _Value:
        word = _single(given)
        if word.text not in self.choices:
            raise Wrong(f"{word.text:.40} is none of the choices", "write " + _either(self.choices), word)
        return self.choices[word.text]


PORT = Number(1, 65535)
YES_NO = Choice(yes=True, no=False)
_RELAYS = Number(0, 1_000_000)


def relay_limit(given: list[Word]) -> int | None:
    """How many relays of one kind there may be; None, no limit, for no word (manual, chapter 4.1.2.3)."""
    return _RELAYS(given) if given else None


def host_name(given: list[Word]) -> str:
    """The name of a host of the pool, such as crs1."""
    word = _single(given)
    if not _HOST_NAME.fullmatch(word.text):
        raise Wrong(f"{word.text:.40} is not a host name", "write 1 to 20 of a-z, A-Z, 0-9, '-' and '_'", word)
    return word.text


def address(given: list[Word]) -> str:
    """An IPv4 or IPv6 address, in its shortest form."""
    return str(_address(_single(given)))


def host_address(given: list[Word]) -> tuple[str, str]:
    """``<host> <address>``: an address that others can reach, so neither a wildcard nor a multicast one."""
    _count(given, 2)
    found = _address(given[1])
    if found.is_unspecified or found.is_multicast:
        raise Wrong(f"{found} cannot be the address of one host", "write the one that clients reach it at", given[1])
    return host_name(given[:1]), str(found)


def address_map(given: list[Word]) -> tuple[str, str]:
    """``<address> <address>``, both of one family."""
    _count(given, 2)
    public, private = _address(given[0]), _address(given[1])
    if public.version != private.version:
        raise Wrong("one address is IPv4 and the other IPv6", "write two addresses of the same family", given[1])
    return str(public), str(private)


def secret(given: list[Word]) -> str:
    """A shared secret. No part of it is put into an error text."""
    if len(given) > 1:
        raise Wrong("the secret has several words", 'put it in quotation marks: "..."', given[1])
    word = _single(given)
    if not word.text:
        raise Wrong("the secret is empty", "create one with: crs-cli create sharedSecret", word)
    return word.text


def absolute_path(given: list[Word]) -> str:
    """The absolute path of a file."""
    word = _single(given)
    if not word.text.startswith("/"):
        raise Wrong(f"{word.text:.80} is not an absolute path", "write the whole path, from / on", word)
    return word.text


def word_set(*allowed: str) -> Parser:
    """Any number of the ``allowed`` words, as a frozenset."""

    def parse(given: list[Word]) -> frozenset[str]:
        for word in given:
            if word.text not in allowed:
                raise Wrong(f"{word.text:.40} is not known", "write none or more of: " + ", ".join(allowed), word)
        return frozenset(word.text for word in given)

    return parse


class Cps(NamedTuple):
    """The Cryptify Push Server to connect to (manual, chapter 4.8)."""

    host: str
    port: int
    id: str
    secret: str


def push_server(given: list[Word]) -> Cps:
    """``<host> <port> <id> <secret>``; the host is a DNS name or an address."""
    _count(given, 4)
    host, port, user, _ = given
    if not _DNS_NAME.fullmatch(host.text) or re.fullmatch(r"[0-9.]+", host.text):
        _address(host, "a DNS name or an IP address", "cps.cryptify.net")
    return Cps(host.text, PORT([port]), user.text, secret(given[3:]))


def push_type(given: list[Word]) -> str:
    """``apns type direct|proxy``."""
    _count(given, 3)
    Choice(apns="")(given[:1])
    Choice(type="")(given[1:2])
    return Choice(direct="direct", proxy="proxy")(given[2:])


class KeepAliveRule(NamedTuple):
    """How an idle connection is watched: after ``interval_ms`` of silence; ``ws`` waits ``grace_ms`` for the answer."""

    method: Literal["ws", "tcp"]
    interval_ms: int
    grace_ms: int


DEFAULT_KEEP_ALIVE = KeepAliveRule("ws", 1_230_000, 30_000)  # "a little over 20 minutes" (manual, chapter 4.10)
_INTERVAL = Number(100, 86_400_000, "ms")
_GRACE = Number(100, 3_600_000, "ms")
_DELAY = Number(0, 86_400_000, "ms")


def keep_alive(given: list[Word]) -> tuple[Clients, KeepAliveRule]:
    """``<ip/mask | uri@account> ws|tcp <interval> [<grace-period>]``; only ws has a grace period."""
    _count(given, 3, 4)
    method = Choice[Literal["ws", "tcp"]](ws="ws", tcp="tcp")(given[1:2])
    if method == "tcp" and len(given) == 4:
        raise Wrong("a grace period goes with ws only", "remove the last value, or write ws", given[3])
    grace = _GRACE(given[3:]) if len(given) == 4 else DEFAULT_KEEP_ALIVE.grace_ms
    return _clients(given[0]), KeepAliveRule(method, _INTERVAL(given[2:3]), grace)


def detach_cleanup(given: list[Word]) -> tuple[Clients, int]:
    """``<ip/mask | uri@account> <delay>``, in milliseconds."""
    _count(given, 2)
    return _clients(given[0]), _DELAY(given[1:])


def _single(given: list[Word]) -> Word:
    _count(given, 1)
    return given[0]


def _count(given: list[Word], low: int, high: int | None = None) -> None:
    if len(given) < low:
        raise Wrong("a value is missing")
    if len(given) > (high or low):
        raise Wrong("there are too many values", word=given[high or low])


def _either(choices: Iterable[str]) -> str:
    return " or ".join(choices)


def _address(word: Word, wanted: str = "an IP address", example: str = "192.0.2.1 or 2001:db8::1") -> Address:
    try:
        found = names.ip(word.text)
    except ValueError:
        raise Wrong(f"{word.text:.60} is not {wanted}", f"write one such as {example}", word) from None
    if getattr(found, "scope_id", None):
        raise Wrong("an address cannot have a zone here", "write the address without % and what follows", word)
    return found


def _clients(word: Word) -> Clients:
    """Whom a rule is for: the clients of a network, or one client."""
    try:
        if "@" in word.text:
            return names.client(word.text)
        if "/" not in word.text:
            raise ValueError("the mask is missing")
        return ipaddress.ip_network(word.text)
    except ValueError as error:
        remedy = "write ip/mask such as 192.0.2.0/24 or 2001:db8::/32, or uri@account such as +46701234567@acme"
        raise Wrong(str(error), remedy, word) from None
