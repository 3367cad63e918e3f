"""Where a client attaches, with which key, and how long it waits before the next attempt.

Time, randomness and the resolver are arguments; connections are made in ``connection``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gevent import socket

FIRST_PAUSE = 0.25  # seconds
LONGEST_PAUSE = 10.0


SocketAddress = tuple[Any, ...]  # as the socket module has it, of any family


class Uniform(Protocol):
    """A ``random.Random``, or the module ``random``."""

    def uniform(self, a: float, b: float, /) -> float: ...


class Attempt(NamedTuple):
    """``address`` as the socket module takes it, ``host`` as the credential has it."""

    family: int
    address: SocketAddress
    host: str
    identity: str
    key: bytes


class Backoff:
    """Pauses that double, each drawn from zero to its bound, so that the clients of a lost server do not come
    back all at once."""

    __slots__ = ("_bound", "_random")

    def __init__(self, random: Uniform):
        self._random = random
        self._bound = FIRST_PAUSE

    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        bound, self._bound = self._bound, min(2 * self._bound, LONGEST_PAUSE)
        return self._random.uniform(0, bound)

    def reset(self) -> None:
        self._bound = FIRST_PAUSE


def resolve(host: str, port: int) -> list[tuple[int, SocketAddress]]:
    """All stream addresses of ``host`` as (family, sockaddr), in the order that DNS gave; OSError if there is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)  # a literal needs no resolver thread
            return [(family, (host, port))]
        except OSError:
            continue
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


class AddressCycle:
    """All addresses of all servers in turn, one for each attempt; DNS is asked again after each round.

    ``keys(now_ms)`` gives (PSK identity, key) pairs, the best first: the next is used after a server refused one.
    """

    __slots__ = ("_addresses", "_key", "_keys", "_resolve", "_round", "_servers")

    def __init__(
        self,
        servers: list[tuple[str, int]],
        keys: Callable[[int], list[tuple[str, bytes]]],
        resolve: Callable[[str, int], list[tuple[int, SocketAddress]]] = resolve,
    ):
        self._servers = servers
        self._keys = keys
        self._resolve = resolve
        self._addresses: list[tuple[int, SocketAddress, str]] = []
        self._round: list[tuple[int, SocketAddress, str]] = []
        self._key = 0

    def next(self, now: int) -> Attempt:
        """The next attempt; OSError if no address is known, what ``keys`` raises if there is no key for ``now``
        (ms)."""
        if not self._round:
            self._addresses = self._look_up() or self._addresses
            if not self._addresses:
                raise OSError(f"no address known for {', '.join(host for host, _ in self._servers)}")
            self._round = list(self._addresses)
        keys = self._keys(now)
        return Attempt(*self._round.pop(0), *keys[self._key % len(keys)])

    def refused(self) -> None:
        """A server refused the key: use the next."""
        self._key += 1

    def admitted(self) -> None:
        """Registered: the next attempt begins with the best key again."""
        self._key = 0

    def _look_up(self) -> list[tuple[int, SocketAddress, str]]:
        found: list[tuple[int, SocketAddress, str]] = []
        for host, port in self._servers:
            try:
                found += [(family, address, host) for family, address in self._resolve(host, port)]
            except OSError:
                continue  # the other servers, or what was known before, will do
        return found
