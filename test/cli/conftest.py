"""A home whose two Redis servers are real and private, and a way to carry out actions there at a time of our own."""

import shlex

import pytest

from crs.cli import usage
from crs.cli.host import LocalHost
from crs.cli.main import carry_out
from crs.cli.output import ResultTable
from crs.errors import OperatorFault
from crs.home.accountfiles import AccountFiles
from crs.home.paths import Home
from crs.names import Client
from crs.store import Store
from crs.trust.update import Update
from test.servers import RedisServer
from test.trust.updates.make import NOW, SECRETS


@pytest.fixture(scope="session")
def servers():
    """(high, low), shared by all tests."""
    with RedisServer(appendfsync="no") as high, RedisServer() as low:
        yield high, low


@pytest.fixture
def home(tmp_path, servers) -> Home:
    """A fresh home of crs1; its store is empty."""
    home = Home(tmp_path / "crs")
    home.create(
        {home.conf: "POOL\nip crs1 127.0.0.1\nhost crs1\n", home.local_conf: "crsname crs1\n", home.relay_conf: ""}
    )
    for link, server in zip((home.redis_high_sock, home.redis_low_sock), servers, strict=True):
        link.symlink_to(server.path)
    return home


@pytest.fixture
def store(home) -> Store:
    store = Store.direct(home, "crs1")
    store.high.call("FLUSHALL")
    store.low.call("FLUSHALL")
    yield store
    store.close()


class CommandLineUser:
    """Somebody at the command line. ``now`` (ms) is what the clock shows."""

    def __init__(self, home: Home):
        self.home = home
        self.now = NOW

    def refuses(self, line: str) -> str:
        """What is wrong with a command line that must fail."""
        with pytest.raises(OperatorFault) as caught:
            self(line)
        return str(caught.value)

    def __call__(self, line: str):
        """What the action of a command line returns."""
        found = usage.parse([*shlex.split(line), "--home", str(self.home)])
        host = LocalHost(found.arguments["--home"], now=lambda: self.now, random=lambda count: bytes(range(count)))
        result = carry_out(found, host)
        return result._replace(rows=list(result.rows)) if isinstance(result, ResultTable) else result


@pytest.fixture
def operator(home, store) -> CommandLineUser:
    return CommandLineUser(home)


@pytest.fixture
def accounts(operator):
    """The accounts whose updates lie in test/trust/updates."""
    for account, secret in SECRETS.items():
        operator(f"create account {account} -s '{secret}'")


@pytest.fixture
def files(home) -> AccountFiles:
    return AccountFiles(home.accounts, "acme")


@pytest.fixture
def seen(accounts, store):
    """A client that no update lists was seen in acme."""
    store.objects.observe(Client("+46701111111", "acme"))


@pytest.fixture
def connected(accounts, store):
    """acme and beta connect each other; +46701111111 is listed in both, +46702222222 was seen in acme."""
    for account, other in (("acme", "beta"), ("beta", "acme")):
        store.accounts.put_update(
            Update(account, "202611", NOW, bytes(32), f"token of {account}", [other], {"+46701111111": "x"}), NOW
        )
    store.objects.observe(Client("+46702222222", "acme"))
