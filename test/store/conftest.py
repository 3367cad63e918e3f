"""A store on two real, private servers, of each program that this machine has."""

import pytest

from crs.names import Client
from crs.store import SCRIPTS, Store, schema
from crs.store.direct import Direct
from crs.store.pipe import Pipe
from test.servers import RedisServer, redis_binaries

ALICE = Client("+46701111111", "acme")
BOB = Client("+46702222222", "acme")
NOW = 1_764_000_000_000  # ms
DAY = 86_400_000  # ms


@pytest.fixture(scope="session", params=redis_binaries(), ids=lambda path: path.name)
def servers(request):
    """(high, low), shared by tests that do not end them."""
    with RedisServer(request.param, "no") as high, RedisServer(request.param, "always") as low:
        yield high, low


@pytest.fixture
def store(servers):
    """Empty."""
    store = Store(
        *(Pipe(server.path, name, SCRIPTS) for server, name in zip(servers, ("high", "low"), strict=True)), "crs1"
    )
    store.high.call("FLUSHALL")
    store.low.call("FLUSHALL")
    yield store
    store.close()


@pytest.fixture(params=redis_binaries(), ids=lambda path: path.name)
def server(request):
    """One of its own, for a test that ends it."""
    with RedisServer(request.param) as server:
        yield server


@pytest.fixture
def plain(servers):
    """A blocking connection beside the store's, to redis_low."""
    direct = Direct(servers[1].path, "low", SCRIPTS)
    yield direct
    direct.close()


def acknowledge(store, client, device: str, refs, now: int = NOW) -> tuple[int, list]:
    """How many of ``refs`` the device held, and the reports that are new."""
    acknowledgement = store.mailbox.acknowledgement(client, device, refs, now, now + DAY)
    store.mailbox.acknowledge(acknowledgement)
    return acknowledgement.dropped, acknowledgement.told


def depth(store, client) -> tuple[int, int]:
    """Messages that the ledger says are held, and their bytes."""
    count, size = store.low.call("HMGET", schema.ledger(client), "count", "bytes")
    return int(count or 0), int(size or 0)
