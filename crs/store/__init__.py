"""The store: all state of a host that outlives a process, in two Redis servers, in terms of the domain.

Read ``schema.py`` first: it alone names the keys, and says what each holds. Then the domains: ``mailbox`` and
``devices``, ``directory``, ``calls`` and ``conferences``, ``accounts`` and ``operator`` (on ``records``), ``objects``;
``due`` keeps deadlines, ``wakeups`` is what workers publish for each other. Each change is one atomic step: a command,
or a script of ``lua/``. Below them: ``commands`` (what a connection offers), ``pipe`` (shared by greenlets), ``direct``
(for the command line), ``subscriber`` and ``listener`` (receive what is published), ``resp`` (the protocol).
Who may do what is decided elsewhere. Time is always an argument.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import slots
from ..home.paths import Home
from ..names import Client
from . import schema
from .accounts import AccountRecords
from .calls import CallTable
from .commands import SCRIPTS, Commands
from .conferences import Conferences
from .conservation import Conservation
from .devices import Devices
from .directory import Directory
from .figures import Figures
from .mailbox import Mailbox
from .objects import Objects
from .operator import Operator
from .probes import Probes
from .records import Records
from .statistics import Statistics
from .uploads import Uploads

if TYPE_CHECKING:  # it loads gevent, which the command line does without
    from .subscriber import Subscriber

DEVICE_EXPIRY = 30 * 86_400_000  # ms; design, chapter 3


class Store:
    """The state of one host. ``high`` changes quickly and outlives processes, ``low`` is durable."""

    def __init__(self, high: Commands, low: Commands, host: str, device_expiry_ms: int = DEVICE_EXPIRY):
        self.host = host
        self.high = high
        self.low = low
        self.devices = Devices(low, device_expiry_ms)
        self.directory = Directory(high, host, self.devices)
        self.mailbox = Mailbox(low)
        self.calls = CallTable(high)
        self.conferences = Conferences(high)
        records = Records(low, high, host)
        self.accounts = AccountRecords(records, low)
        self.operator = Operator(records)
        self.objects = Objects(low)
        self.statistics = Statistics(low)
        self.uploads = Uploads(low)
        self.figures = Figures(high)
        self.probes = Probes(high, low)
        self.conservation = Conservation(high, low)

    @classmethod
    def open(cls, home: Home, host: str, device_expiry_ms: int = DEVICE_EXPIRY) -> "Store":
        """For a worker: connections that all its greenlets share, and that come back by themselves."""
        from .pipe import Pipe

        return cls(
            Pipe(home.redis_high_sock, "redis_high", SCRIPTS),
            Pipe(home.redis_low_sock, "redis_low", SCRIPTS),
            host,
            device_expiry_ms,
        )

    @classmethod
    def direct(cls, home: Home, host: str) -> "Store":
        """For the command line: plain connections, made at the first call."""
        from .direct import Direct

        return cls(
            Direct(home.redis_high_sock, "redis_high", SCRIPTS), Direct(home.redis_low_sock, "redis_low", SCRIPTS), host
        )

    def close(self) -> None:
        """End both connections."""
        self.high.close()
        self.low.close()

    def subscriber(self, worker: str, on_subscribed: Callable[[], None]) -> "Subscriber":
        """What is published for a worker of this host, and for all workers, as ``wakeups`` encodes it."""
        from .subscriber import Subscriber

        return Subscriber(
            self.high.path, self.high.name, (schema.wake(self.host, worker), schema.ALL_WORKERS), on_subscribed
        )

    def buckets(self, index: int, workers: int) -> range:
        """The buckets whose deadlines worker ``index`` of ``workers`` walks."""
        return slots.buckets(index, workers)

    def erase(self, account: str) -> int:
        """Delete all that is kept for the clients of an account, whose record is gone by now; returns how many clients.

        Raises Unavailable; may be repeated.
        """
        clients = set()
        for redis in (self.low, self.high):
            for pattern in (schema.tagged("*", Client("*", account)), schema.box(Client("*", account), "*")):
                for key, _ in redis.each(pattern, lambda key: ("UNLINK", key)):
                    clients.add(schema.client_of(key))
        self.objects.forget_observed(account)
        return len(clients)
