"""The relay addresses of one leg: which are bound, and which carries the media now. No sockets; time is an argument.

A client binds to every candidate of its leg and keeps binding (``doc/relay.md``), so that a relay that restarts
knows it again at the next request, and a relay that dies leaves the others bound.
"""

from collections.abc import Callable

from crs import names
from crs.wire import stun
from crs.wire.vocabulary import Leg

REFRESH = 0.5  # seconds between Binding requests to a candidate that answers
SEARCH = 0.1  # and to one that is silent
ANSWERS_FOR = 1.2  # seconds that an answer counts: two refreshes may be lost
HEARD_FOR = 0.4  # seconds without the other end after which every bound candidate is tried
_OUTSTANDING = 16  # requests to a candidate whose answers are still good

NEVER = float("-inf")


class Path:
    """One candidate: its address, and when it answered."""

    def __init__(self, address: tuple):
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
        self.heard = NEVER  # when the other end was last heard, on whatever path
        self._random_bytes = random_bytes
        # sorted, so that both ends prefer the same one
        self._paths = {
            address: Path(address) for address in sorted((names.plain_ip(one.ip), one.port) for one in leg.candidates)
        }
        self._current: Path | None = next(iter(self._paths.values()), None)

    def due(self, now: float) -> list[tuple[bytes, tuple]]:
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

    def take_answer(self, octets: bytes, source: tuple, now: float) -> bool:
        """Whether this is the authentic answer to a request of ours; it then counts as bound."""
        path = self._paths.get(source)
        message = stun.parse(octets)
        if path is None or message is None or message.transaction not in path.transactions:
            return False
        if message.type != stun.BINDING_SUCCESS or not stun.authenticate(octets, message, self.leg.pwd.encode()):
            return False
        del path.transactions[message.transaction]
        path.answered = now
        return True

    def note_heard(self, source: tuple, now: float) -> None:
        """An authentic media packet came from ``source``: there, the other end is bound as well."""
        path = self._paths.get(source)
        if path is None:
            return
        if now - self.heard >= HEARD_FOR or not self._current.is_bound(now):
            self._current = path
        self.heard = now

    def targets(self, now: float) -> list[tuple]:
        """Where to send media: the path in use; every bound one while the other end is not heard."""
        if now - self.heard >= HEARD_FOR or not self._current.is_bound(now):
            return [path.address for path in self._paths.values() if path.is_bound(now)]
        return [self._current.address]

    def is_bound(self, now: float) -> bool:
        return any(path.is_bound(now) for path in self._paths.values())
