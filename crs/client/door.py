"""Where a client attaches, with which key, and how long it waits before the next try.

Never here: connections. Time and randomness are arguments; the resolver is one, too.
"""

import random as _random
from collections.abc import Callable
from typing import NamedTuple

from gevent import socket

FIRST_PAUSE = 0.25  # seconds
LONGEST_PAUSE = 10.0


class Way(NamedTuple):
    """One try: ``address`` as the socket module takes it, ``host`` as the credential writes it."""

    family: int
    address: tuple
    host: str
    identity: str
    key: bytes


class Backoff:
    """Pauses that double, each drawn from zero to its bound, so that clients that lost one server do not come back
    as one wave."""

    __slots__ = ("_bound", "_random")

    def __init__(self, random: _random.Random):
        self._random = random
        self._bound = FIRST_PAUSE

    def pause(self) -> float:
        """Seconds to wait before the next try."""
        bound, self._bound = self._bound, min(2 * self._bound, LONGEST_PAUSE)
        return self._random.uniform(0, bound)

    def reset(self) -> None:
        self._bound = FIRST_PAUSE


def resolve(host: str, port: int) -> list[tuple[int, tuple]]:
    """All stream addresses of ``host`` as (family, sockaddr), in the order that DNS gave; OSError if there is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)  # a literal needs no resolver thread
            return [(family, (host, port))]
        except OSError:
            continue
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


class Door:
    """Walks over the addresses of all servers, one a try, and asks DNS anew after each round.

    ``keys(now_ms)`` gives (PSK identity, key) pairs, the best first: the next one is tried when a server refused one.
    """

    __slots__ = ("_addresses", "_key", "_keys", "_resolve", "_round", "_servers")

    def __init__(
        self,
        servers: list[tuple[str, int]],
        keys: Callable[[int], list[tuple[str, bytes]]],
        resolve: Callable[[str, int], list[tuple[int, tuple]]] = resolve,
    ):
        self._servers = servers
        self._keys = keys
        self._resolve = resolve
        self._addresses: list[tuple[int, tuple, str]] = []
        self._round: list[tuple[int, tuple, str]] = []
        self._key = 0

    def next(self, now: int) -> Way:
        """The next try; OSError if no address is known, what ``keys`` raises if there is no key for ``now`` (ms)."""
        if not self._round:
            self._addresses = self._look_up() or self._addresses
            if not self._addresses:
                raise OSError(f"no address known for {', '.join(host for host, _ in self._servers)}")
            self._round = list(self._addresses)
        keys = self._keys(now)
        return Way(*self._round.pop(0), *keys[self._key % len(keys)])

    def refused(self) -> None:
        """A server refused the key: try the next one."""
        self._key += 1

    def admitted(self) -> None:
        """Registered: when this connection ends, the best key comes first again."""
        self._key = 0

    def _look_up(self) -> list[tuple[int, tuple, str]]:
        found = []
        for host, port in self._servers:
            try:
                found += [(family, address, host) for family, address in self._resolve(host, port)]
            except OSError:
                continue  # the other servers, or what was known before, will do
        return found
