"""The relay addresses of one leg: which are bound, and which carries the media. No sockets; time is an argument.

A client binds to every candidate of its leg and keeps binding (``doc/relay.md``), so that a relay that restarts
learns of it with the next request, and when a relay dies the others are still bound.
"""

from collections.abc import Callable

from crs import names
from crs.wire import stun
from crs.wire.vocabulary import Leg

Address = tuple[str, int]

REFRESH = 0.5  # seconds between Binding requests to a candidate that answers
SEARCH = 0.1  # and to one that does not answer
ANSWERS_FOR = 1.2  # seconds that an answer is good for: two refreshes may be lost
HEARD_FOR = 0.4  # seconds without a packet of the other end after which every bound candidate is used
_OUTSTANDING = 16  # requests to a candidate whose answers are still accepted

NEVER = float("-inf")


class Path:
    """One candidate: its address, and when it answered."""

    def __init__(self, address: Address):
        self.address = address
        self.answered = NEVER
        self.asked = NEVER
        self.transactions: dict[bytes, None] = {}

    def is_bound(self, now: float) -> bool:
        return now - self.answered < ANSWERS_FOR


class Paths:
    """All candidates of ``leg``. ``now`` is seconds of any steady clock; ``random_bytes`` makes transaction ids."""

    def __init__(self, leg: Leg, random_bytes: Callable[[int], bytes]):
        self.leg = leg
        self.heard = NEVER  # when the other end was last heard, on any path
        self._random_bytes = random_bytes
        # sorted, so that both ends prefer the same
        self._paths = {
            address: Path(address)
            for address in sorted((names.plain_ip(candidate.ip), candidate.port) for candidate in leg.candidates)
        }
        self._current: Path | None = next(iter(self._paths.values()), None)

    def due(self, now: float) -> list[tuple[bytes, Address]]:
        """The Binding requests to send now, each with its address."""
        requests = []
        for path in self._paths.values():
            if now - path.asked >= (REFRESH if path.is_bound(now) else SEARCH):
                path.asked = now
                transaction = self._random_bytes(12)
                path.transactions[transaction] = None
                if len(path.transactions) > _OUTSTANDING:
                    del path.transactions[next(iter(path.transactions))]
                request = stun.binding_request(transaction, self.leg.ufrag, self.leg.pwd.encode())
                requests.append((request, path.address))
        return requests

    def take_answer(self, octets: bytes, source: Address, now: float) -> bool:
        """Whether this is the authentic answer to a request of ours; ``source`` is bound then."""
        path = self._paths.get(source)
        message = stun.parse(octets)
        if path is None or message is None or message.transaction not in path.transactions:
            return False
        if message.type != stun.BINDING_SUCCESS or not stun.authenticate(octets, message, self.leg.pwd.encode()):
            return False
        del path.transactions[message.transaction]
        path.answered = now
        return True

    def note_heard(self, source: Address, now: float) -> None:
        """An authentic media packet came from ``source``: the other end is bound there as well."""
        path = self._paths.get(source)
        if path is None:
            return
        if self._in_use(now) is None:
            self._current = path
        self.heard = now

    def targets(self, now: float) -> list[Address]:
        """Where to send media: the path in use, or every bound one while the other end is not heard."""
        path = self._in_use(now)
        return [path.address] if path else [path.address for path in self._paths.values() if path.is_bound(now)]

    def _in_use(self, now: float) -> Path | None:
        """The current path, while the other end is heard and the path is bound."""
        path = self._current
        return path if path and path.is_bound(now) and now - self.heard < HEARD_FOR else None

    def is_bound(self, now: float) -> bool:
        return any(path.is_bound(now) for path in self._paths.values())
