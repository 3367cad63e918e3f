"""The command line's connection: the same calls, blocking, without gevent, clear when the host is down."""

import subprocess
import sys

import pytest

from crs.errors import Unavailable
from crs.home import Home
from crs.store import SCRIPTS, Store
from crs.store.commands import RedisError
from crs.store.direct import Direct
from test.store.conftest import ALICE, NOW


@pytest.fixture
def direct(server):
    direct = Direct(server.path, "redis", {"echo": b"return ARGV[1]"}, timeout_ms=500)
    yield direct
    direct.close()


def test_calls(direct):
    assert direct.call("SET", "a", "1") == b"OK"
    assert direct.calls([("GET", "a"), ("GET", "b")]) == [b"1", None]
    assert direct.script("echo", (), ("x",)) == b"x"
    with pytest.raises(RedisError):
        direct.call("NOSUCH")
    direct.tell("SET", "a", "2")
    assert direct.call("GET", "a") == b"2"


def test_it_comes_back_after_redis_did(server, direct):
    direct.call("SET", "a", "1")
    server.kill()
    with pytest.raises(Unavailable, match="redis is not running"):
        direct.call("GET", "a")
    direct.tell("SET", "a", "2")
    server.start()
    assert direct.call("GET", "a") == b"1"


def test_an_answer_that_came_too_late_is_never_taken_for_another(server, direct):
    direct.call("SET", "a", "1")
    server.freeze()
    with pytest.raises(Unavailable):
        direct.call("ECHO", "late")
    server.thaw()
    assert direct.call("GET", "a") == b"1"


def test_a_store_for_the_command_line(servers, store, tmp_path):
    home = Home(tmp_path)
    home.run.mkdir()
    for server, path in zip(servers, (home.redis_high_sock, home.redis_low_sock), strict=True):
        path.symlink_to(server.path)
    cli, worker = Store.direct(home, "crs1"), Store.open(home, "crs1")
    cli.operator.put_account("acme", "secret", NOW, NOW)
    assert worker.operator.account("acme").secret == "secret"
    worker.objects.put_token(ALICE, "token", NOW)
    assert cli.objects.token(ALICE).value == "token"
    cli.close()
    worker.close()


def test_the_command_line_does_not_load_gevent():
    """It costs a fifth of the time a plain ``show`` may take."""
    code = "import sys, crs.store; from crs.store.direct import Direct; sys.exit('gevent' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_every_script_is_found():
    assert {"post", "fetch", "drop", "register", "wake", "create", "transition", "record"} <= set(SCRIPTS)
    assert not any(name.startswith("_") for name in SCRIPTS)
