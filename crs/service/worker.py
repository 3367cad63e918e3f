"""The services of one attach worker, put together. What they do stands in their own files."""

import random
import time
from collections.abc import Callable

from .. import names
from ..config.settings import Config
from ..loop.clock import wall_clock
from ..loop.timers import Timers
from ..names import Client
from ..relay.client import RelayClient
from ..store import Store
from ..telemetry.trace import Tracer
from ..wire.vocabulary import Candidate
from .accounts import Accounts
from .calls import CallControl
from .connection import Connections
from .crypto import CryptoUpdates
from .delivery import Delivery
from .events import Events
from .registration import Registrar
from .relays import Relays
from .reports import Reports
from .rooms import RoomControl


class Worker:
    """``name`` is ``attach:<index>``; connection ids differ with every start. ``clock()`` gives ms since 1970."""

    def __init__(
        self, conf: Config, index: int, store: Store, relay: RelayClient, clock: Callable[[], int] = wall_clock
    ):
        self.conf = conf
        self.index = index
        self.name = names.numbered("attach", index)
        self.clock = clock
        self.store = store
        self.directory, self.mailbox, self.objects = store.directory, store.mailbox, store.objects
        self.account_records, self.operator = store.accounts, store.operator
        self.statistics, self.uploads = store.statistics, store.uploads
        self.relay = relay
        self.random = random.SystemRandom()
        self.timers = Timers(time.monotonic)
        self.connections = Connections(f"{index}.{self.random.getrandbits(40):010x}")
        self.accounts = Accounts(conf.update_grace, clock)
        self.events = Events(Tracer(store.high), store.statistics, self.accounts, clock)
        self.delivery = Delivery(store.directory, store.mailbox, self.events)
        self.reports = Reports(store.mailbox, conf.message_expiry * 1000, self.delivery, self.events)
        self.crypto = CryptoUpdates(self.accounts, store.accounts, store.objects, clock)
        self.relays = Relays(relay, [Candidate(conf.ip, conf.relay_port)])
        self.calls = CallControl(
            store.calls, conf.name, conf.session_keep * 1000, self.relays, self.delivery, self.events
        )
        self.rooms = RoomControl(
            store.conferences,
            conf.name,
            self.random,
            self.accounts,
            store.directory,
            self.relays,
            self.delivery,
            self.events,
        )
        self.registrar = Registrar(
            conf, self.name, self.connections, self.accounts, store.directory, self.events, self.timers
        )

    def resolve(self, asking: Client, to: str, account: str | None) -> Client:
        """See Accounts.resolve; clients not listed count when they were seen here."""
        return self.accounts.resolve(asking, to, account, self.store.objects.observed)
