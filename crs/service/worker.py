"""What the handlers of one attach worker work with: the store, the accounts, the relay, and ways to reach clients.

Lives here: thin verbs over those. Never here: the wire, the loop, Redis keys.
"""

import base64
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable

import gevent

from .. import log
from ..errors import Busy, Unavailable
from ..loop.clock import wall_clock
from ..loop.timers import Timers
from ..names import Client
from ..relay.client import RelayClient, RelayRefused
from ..store import Store
from ..store.directory import Entry
from ..store.wakeups import Notify
from ..telemetry import trace
from ..telemetry.metrics import Tally
from ..trust import months
from ..wire.vocabulary import Candidate, Result, notification
from . import media
from .accounts import Accounts, Month
from .connection import Connection
from .rules import Rules

LOG = log.get("attach")
MAX_CONNECTIONS = 16  # of one user on one worker: five devices, and those that have not noticed their end
KINDS = {"rtp": "RTP", "opaque": "OPAQUE"}


class Worker:
    """The services of one attach worker. ``name`` is ``attach:<index>``; ``boot`` differs with every start."""

    TALK_CHECK = 60_000  # ms between looks at whether a call in talk still has a party

    def __init__(self, conf, index: int, store: Store, relay: RelayClient, clock: Callable[[], int] = wall_clock):
        self.conf = conf
        self.host = conf.name
        self.index = index
        self.name = f"attach:{index}"
        self.random = random.SystemRandom()
        self.boot = f"{self.random.getrandbits(40):010x}"
        self.clock = clock
        self.store = store
        self.relay = relay
        self.accounts = Accounts(conf.update_grace, clock)
        self.timers = Timers(time.monotonic)
        self.tracer = trace.Tracer(store)
        self.figures = Tally()
        self.connections: dict[str, Connection] = {}
        self.candidates = [Candidate(conf.ip, conf.relay_port)]
        self._opened = 0
        self._users: Counter[str] = Counter()

    # --- connections ------------------------------------------------------------------------------------------------

    def open(self, ip: str, port: int) -> Connection:
        """A new connection in state *connected*."""
        self._opened += 1
        connection = Connection(self, f"{self.index}.{self.boot}.{self._opened}", ip, port)
        self.connections[connection.id] = connection
        self.trace_connection(connection)
        return connection

    def admit(self, connection: Connection) -> Connection | None:
        """Count an authenticated connection with its user; returns the user's oldest one where it has too many."""
        self._users[connection.user] += 1
        if self._users[connection.user] <= MAX_CONNECTIONS:
            return None
        return next((one for one in self.connections.values() if one.user == connection.user), None)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that ends."""
        self.connections.pop(connection.id, None)
        if connection.state != "connected":
            self._users[connection.user] -= 1
            if not self._users[connection.user]:
                del self._users[connection.user]

    def admits(self, connection: Connection) -> bool:
        """Whether the account and month, or the admin, that this connection was made with are still good."""
        if connection.admin is not None:
            admin = self.accounts.rules.admins.get(connection.admin)
            return admin is not None and admin.created == connection.admin_since
        loaded = self.accounts.months.get(connection.client.account, {})
        return connection.month in loaded and self.accounts.is_valid(connection.month)

    def schedule_cleanup(self, connection: Connection) -> None:
        """Close a connection that stays unregistered, where ``detach-cleanup`` says so (manual 4.12)."""
        delay = self.conf.detach_cleanup_for(connection.ip, connection.client)
        if delay is not None:
            self.timers.after(delay, self._clean_up, connection.id, connection.since)

    def _clean_up(self, identity: str, since: int) -> None:
        connection = self.connections.get(identity)
        if connection is None or connection.since != since:  # it registered again meanwhile
            return
        if connection.state != "registered" and connection.transport is not None:
            gevent.spawn(connection.transport.close, 1000, "not registered")

    # --- clients ----------------------------------------------------------------------------------------------------

    def resolve(self, asking: Client, to: str, account: str | None) -> Client:
        """See Accounts.resolve; clients not listed count when they were seen here."""
        return self.accounts.resolve(asking, to, account, self.store.objects.observed)

    def entry(self, connection: Connection) -> Entry:
        """The directory entry of a device on ``connection``."""
        return Entry(
            device_id=connection.device_id,
            type=connection.device_type,
            worker=self.name,
            connection=connection.id,
            since=connection.since,
            version=connection.version,
            ip=connection.ip,
            port=connection.port,
            host=self.host,
        )

    def wake(self, client: Client, method: str, params: Result, devices=None, but: str | None = None) -> int:
        """Send a notification to the registered devices of a client, on whatever worker; returns how many."""
        return self.store.directory.wake(client, Notify(notification(method, params)), devices, but)

    def dismiss(self, entry: Entry, reason: str) -> None:
        """Make the worker that holds ``entry`` unregister it."""
        self.store.directory.dismiss(entry, reason)

    # --- calls ------------------------------------------------------------------------------------------------------

    def session_id(self, caller: Client, identity: str) -> str:
        """The name of the call that ``caller`` started as ``identity``: the same for a retry, and it names the host."""
        digest = hashlib.sha256(f"{caller}|{identity}".encode()).digest()
        return f"{self.host}.{base64.b32encode(digest[:15]).decode().lower()}"

    def conference_id(self) -> str:
        """The name of a conference that begins now; it names the host."""
        return f"{self.host}.room.{self.random.getrandbits(80):020x}"

    def allocate(self, call, streams: list[media.RelayedStream]) -> None:
        """Have the relay hold the conversations of a call; those it has already are left as they are.

        Raises Busy (a limit of crs-relay.conf), Unavailable.
        """
        for stream in streams:
            self._add(
                stream.conversation,
                KINDS[stream.kind],
                (stream.caller, stream.callee),
                [call.id, call.caller, call.callee],
            )

    def allocate_multicast(self, conversation: str, legs: list[tuple[str, str]], identifiers: list[str]) -> None:
        """Have the relay hold a conversation of these legs, in which a packet goes to all others. Raises as
        ``allocate``."""
        self._add(conversation, "OPAQUE_MULTICAST", legs, identifiers)

    def _add(self, conversation: str, kind: str, legs, identifiers: list[str]) -> None:
        try:
            self.relay.add(conversation, kind, [{"ufrag": ufrag, "pwd": pwd} for ufrag, pwd in legs], identifiers)
        except RelayRefused as refusal:
            if refusal.error == "limit":
                raise Busy(f"no {kind.lower()} relay is free on this host") from None
            LOG.warn(f"relay refused {conversation}: {refusal}")
            raise Unavailable("the relay refused the conversation") from None

    def release(self, call) -> None:
        self.release_streams(media.load(call.streams))

    def release_streams(self, streams: list[media.RelayedStream]) -> None:
        """Free relay conversations; where the relay is down they expire by themselves."""
        for stream in streams:
            self.release_conversation(stream.conversation)

    def release_conversation(self, conversation: str) -> None:
        try:
            self.relay.remove(conversation)
        except (Unavailable, RelayRefused) as error:
            LOG.debug(f"relay did not remove {conversation}: {error}")

    # --- accounts and crypto updates --------------------------------------------------------------------------------

    def refresh_accounts(self) -> bool:
        """Load the operator records anew when their version moved. Returns whether they did."""
        version = self.store.operator.version()
        if version == self.accounts.version:
            return False
        # Updates first: an account that is being deleted is then gone, never one whose months have all run out.
        held = {(head.account, head.month): self._month(head) for head in self.store.accounts.heads()}
        loaded: dict[str, dict[str, Month]] = {account: {} for account in self.store.accounts.all()}
        for (account, month), update in held.items():
            if account in loaded and update is not None:
                loaded[account][month] = update
        self.accounts.load(version, loaded, Rules.read(self.store.operator))
        LOG.info(f"accounts loaded: {', '.join(sorted(loaded)) or 'none'}")
        self.debug(f"{self.name}: records of version {version} loaded")
        return True

    def _month(self, head) -> Month | None:
        """The month of an update: the one held already where the update is the same, for its clients may be many."""
        known = self.accounts.months.get(head.account, {}).get(head.month)
        if known is not None and (known.created, known.applied) == (head.created, head.applied):
            return known
        update = self.store.accounts.update(head.account, head.month)
        return update and Month(
            update.created, update.month_key, update.domain_token, update.domains, update.uris, update.applied
        )

    def updates_of(self, client: Client) -> list[tuple[str, bool]]:
        """The crypto updates held for ``client``: (month, confirmed) of the current and the next month. What was confirmed
        before a re-issue was applied is offered again."""
        current = months.of(self.clock())
        loaded = self.accounts.months.get(client.account, {})
        held = [
            month for month in (current, months.after(current)) if month in loaded and client.uri in loaded[month].uris
        ]
        confirmed = self.store.objects.confirmed(client) if held else {}
        return [(month, confirmed.get(month, -1) >= loaded[month].applied) for month in held]

    def crypto_update(self, client: Client, month: str) -> str | None:
        return self.store.accounts.crypto_update(client, month)

    # --- statistics, trace (manual, chapter 5) ----------------------------------------------------------------------

    def count(self, client: Client, *columns: str) -> None:
        """Count events of a client (columns of ``stats export``), where statistics are enabled for its account."""
        if client.account in self.accounts.rules.statistics:
            for column in columns:
                self.store.statistics.count(client, column)
                self.trace("statistics", column, client.uri, client.account)

    def trace(self, element: str, *fields) -> None:
        self.figures.note(element, fields)
        self.tracer.emit(element, fields, self.clock())

    def debug(self, text: str) -> None:
        """Tell who looks what no other element of the trace is about."""
        self.trace("event", "attach", "dbg", text)

    def trace_connection(self, connection: Connection) -> None:
        self.trace(
            "connection",
            connection.id,
            connection.kind,
            connection.user,
            connection.ip,
            connection.port,
            connection.state,
        )

    def trace_attach(self, connection: Connection, state: str, description: str, type: str | None = None) -> None:
        """``type``: of a device that is not registered; else that of the connection's."""
        self.trace(
            "attach",
            connection.id,
            type or connection.device_type,
            connection.client.uri,
            connection.client.account,
            connection.ip,
            connection.port,
            state,
            description,
        )

    def trace_session(self, call) -> None:
        self.figures.note_call(call.state, self.clock() - call.created)
        caller, callee = call.caller.rpartition("@"), call.callee.rpartition("@")
        self.trace("session", caller[0], callee[0], call.shown_state, caller[2], call.id, callee[2])
