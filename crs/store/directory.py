"""The directory: which devices of a client are registered, on which connection of which worker, and how to wake them.

Also the table of worker processes. All of it is in redis_high; wake-ups (``wakeups``) are hints, never the fact.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .. import names
from ..names import Client
from . import schema, wakeups
from .commands import Commands, pairs
from .devices import Devices
from .wakeups import Mail, Notify

PROCESS_TIME = 20_000  # ms without a word after which a process does not count


class Entry(msgspec.Struct, frozen=True):
    """One registered device."""

    device_id: str
    type: str  # primary, secondary
    worker: str  # attach:<index>
    connection: str  # id of the connection, unique also over restarts
    since: int  # ms, when it registered
    version: str  # of the client's software
    ip: str  # of the client
    port: int
    host: str  # that the worker runs on


class Process(msgspec.Struct, frozen=True):
    """One worker process."""

    host: str
    name: str  # attach:<index>
    pid: int
    clients: int  # connections it has
    time: int  # ms, when it last said so
    accounts: list[str] = []
    stall: float = 0.0  # ms: the longest of its loop since the last regular entry (crs.loop.stall)
    worst: float = 0.0  # ms: the longest in the last minute


_entry = msgspec.json.Decoder(Entry).decode
_process = msgspec.json.Decoder(Process).decode
_encode = msgspec.json.Encoder().encode


class Directory:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, high: Commands, host: str, devices: Devices):
        self._high = high
        self._host = host
        self._devices = devices

    def register(self, client: Client, entry: Entry, now: int) -> list[Entry]:
        """Put a device in, with a mailbox copy of its own if it is a secondary. Returns the entries it replaced: its
        own on another connection, and for a primary the primary before it. Raises Busy for a fifth secondary."""
        self._devices.seen(client, entry.device_id, entry.type, now)
        replaced = map(_entry, self._put(client, entry, ""))
        return [old for old in replaced if old.connection != entry.connection]

    def renew(self, client: Client, entry: Entry) -> bool:
        """Put back an entry that was dropped as stale. False: another registration has taken its place meanwhile."""
        return isinstance(self._put(client, entry, entry.since), list)

    def _put(self, client: Client, entry: Entry, since: int | str) -> Any:
        """What ``register.lua`` answers."""
        return self._high.all(
            (
                ("HSET", schema.attached(self._host), entry.connection, f"{entry.worker} {entry.device_id} {client}"),
                self._high.evalsha(
                    "register", (schema.directory(client),), (entry.device_id, entry.type, _encode(entry), since)
                ),
            )
        )[1]

    def unregister(self, client: Client, device: str, connection: str) -> bool:
        """Take a device out, if it is still registered on ``connection``; returns whether it was."""
        removed, _ = self._high.all(
            (
                self._high.evalsha("unregister", (schema.directory(client),), (device, connection)),
                ("HDEL", schema.attached(self._host), connection),
            )
        )
        return bool(removed)

    def lookup(self, client: Client) -> list[Entry]:
        """The registered devices of a client."""
        return [_entry(value) for value in self._high.call("HVALS", schema.directory(client))]

    def entries_of(self, worker: str) -> Iterator[tuple[Client, str, str]]:
        """What a worker of this host has put in and not taken out, as (client, device id, connection id).

        A new worker finds here what a dead worker of its name left. A later registration may have replaced an entry;
        ``unregister`` leaves that in place.
        """
        cursor = b"0"
        while True:
            cursor, flat = self._high.call("HSCAN", schema.attached(self._host), cursor, "COUNT", 500)
            for connection, put in pairs(flat):
                owner, device, client = put.decode().split(" ", 2)
                if owner == worker:
                    yield names.client(client), device, connection.decode()
            if cursor == b"0":
                return

    def attached(self) -> Iterator[tuple[Client, Entry]]:
        """Every registered device of this host, in the order of the clients."""
        for key, entries in self._high.each_client(schema.directory(Client("*", "*")), lambda key: ("HVALS", key)):
            client = schema.client_of(key)
            for entry in entries:
                yield client, _entry(entry)

    # --- wake-ups ---------------------------------------------------------------------------------------------------

    def wake(self, client: Client, wakeup: Notify, devices: Sequence[str] | None = None, but: str | None = None) -> int:
        """Publish to the registered devices of a client (to some, to all but one), on whatever worker.

        Returns how many were reached; an entry that nobody hears is taken out.
        """
        which = ("all",) if devices is None else ("some", *devices)
        payload = wakeups.encode(wakeup)
        reached: int = self._high.script("wake", (schema.directory(client),), (payload, but or "", *which))
        return reached

    def hint(self, client: Client, wakeup: Notify | Mail) -> None:
        """As ``wake`` to all devices, without waiting: it is lost where the connection to redis_high is down."""
        payload = wakeups.encode(wakeup)
        self._high.tell(*self._high.evalsha("wake", (schema.directory(client),), (payload, "", "all")))

    def look_again(self) -> None:
        """Ask every worker of this host to compare its clients with the store: hints may have been lost."""
        self._high.call(*wakeups.to_all(wakeups.Lost()))

    def dismiss(self, entry: Entry, reason: str) -> bool:
        """Ask the worker of an entry, which may be replaced by now, to unregister that device; returns whether any
        worker heard."""
        wakeup = wakeups.Dismiss(entry.since, reason)
        return bool(self._high.call(*wakeups.to_connection(entry.host, entry.worker, entry.connection, wakeup)))

    # --- processes --------------------------------------------------------------------------------------------------

    def announce(
        self,
        worker: str,
        pid: int,
        clients: int,
        now: int,
        accounts: Iterable[str] = (),
        stall: float = 0.0,
        worst: float = 0.0,
    ) -> None:
        """Say that a worker process lives, how many connections it has, which accounts it has loaded, and for how long
        (ms) its loop stood still at most: since the last regular entry, and in the last minute."""
        process = Process(self._host, worker, pid, clients, now, list(accounts), stall, worst)
        self._high.call("HSET", schema.processes(), f"{self._host} {worker}", _encode(process))

    def processes(self, now: int) -> list[Process]:
        """The worker processes heard from within PROCESS_TIME, by host and name."""
        known = map(_process, self._high.call("HVALS", schema.processes()))
        lately = (process for process in known if now - process.time < PROCESS_TIME)
        return sorted(lately, key=lambda process: (process.host, process.name))
