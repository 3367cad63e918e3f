"""A store with as many clients, calls or records as a list should be tried with, filled by a few round trips.

What is put is what the store's own methods put: test_flat compares the lists with what is expected.
"""

import msgspec

from crs.names import Client
from crs.store import Store, schema
from crs.store.directory import Entry
from crs.store.objects import Info
from crs.store.operator import BLACKLIST, ROOM
from test.trust.updates.make import NOW

BATCH = 1000  # commands of one round trip
ACCOUNT = "acme"


def client(number: int) -> Client:
    """Not in the order of the numbers."""
    return Client(f"+467{number * 7919 % 100_003:07}", ACCOUNT)


def attached(store: Store, numbers: range) -> None:
    entry = Entry("phone", "primary", "attach:0", "0.1", NOW - 60_000, "5.1 ios", "192.0.2.1", 40000, "crs1")
    _all(store.high, (("HSET", schema.directory(client(n)), "phone", msgspec.json.encode(entry)) for n in numbers))


def messages(store: Store, numbers: range) -> None:
    _all(store.low, (("HSET", schema.statistics(client(n)), "post", n, "deliv", 1, "read", NOW) for n in numbers))


def calls(store: Store, numbers: range) -> None:
    fields = ("state", "talk", "seq", 3, "answered", NOW, "offer", "o" * 400, "answer", "a" * 400, "host", "crs1")
    _all(
        store.high,
        (
            (
                "HSET",
                schema.call(f"crs1.{n}"),
                "id",
                f"crs1.{n}",
                "created",
                NOW - n,
                "caller",
                str(client(n)),
                "callee",
                str(client(n + 1)),
                *fields,
            )
            for n in numbers
        ),
    )


def infos(store: Store, numbers: range) -> None:
    info = msgspec.json.encode(Info(NOW, NOW, None, "android", "14", "5.2"))
    _all(store.low, (("SET", schema.info(client(n)), info) for n in numbers))


def stored(store: Store, numbers: range) -> None:
    _all(store.low, (("HSET", schema.storage(client(n)), "contacts", f"{NOW} id\n" + "v" * 400) for n in numbers))


def counted(store: Store, numbers: range) -> None:
    """Some have counts, some were observed, some both."""
    _all(store.low, (("HSET", schema.usage(client(n)), "session-outgoing", n) for n in numbers if n % 3))
    _all(store.low, (("SADD", schema.observed(ACCOUNT), client(n).uri) for n in numbers if n % 2 or not n % 3))


def blocked(store: Store, numbers: range) -> None:
    _all(
        store.low,
        (("HSET", schema.records(BLACKLIST), f"{ACCOUNT} {client(n).uri}", _record({"since": NOW})) for n in numbers),
    )


def rooms(store: Store, numbers: range) -> None:
    _all(
        store.low,
        (
            ("HSET", schema.records(ROOM), f"{n:06} {ACCOUNT} {client(n).uri}", _record({"created": NOW}))
            for n in numbers
        ),
    )


def _record(value: dict) -> bytes:
    return msgspec.json.encode({"v": value, "t": NOW, "h": "crs1", "d": False})


def _all(redis, commands) -> None:
    commands = list(commands)
    for at in range(0, len(commands), BATCH):
        redis.all(commands[at : at + BATCH])
