"""The command line's connection: the same calls, blocking, without gevent, clear when the host is down."""

import subprocess
import sys

import pytest

from crs.errors import Unavailable
from crs.home.paths import Home
from crs.names import Client
from crs.store import SCRIPTS, Store, schema
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


def test_a_walk_has_everything_where_there_is_much_of_it(store, plain):
    names = {b"%d" % number for number in range(3_000)}
    plain.all(
        [("HSET", "hash", name, "value") for name in names]
        + [("SADD", "set", name) for name in names]
        + [("SET", b"key:" + name, name) for name in names]
    )
    assert set(plain.fields("hash")) == set(plain.members("set")) == names
    assert dict(plain.each("key:*", lambda key: ("GET", key))) == {b"key:" + name: name for name in names}
    assert list(plain.fields("none")) == list(plain.members("none")) == list(plain.each("none", None)) == []


def test_a_client_comes_once_though_redis_names_its_key_twice(store, plain, monkeypatch):
    keys = [
        schema.statistics(Client(uri, account)).encode()
        for uri, account in (("+467", "b"), ("+4671", "a"), ("+467", "a"))
    ]
    plain.all([("SET", key, "x") for key in keys])
    monkeypatch.setattr(plain, "keys", lambda pattern: iter(keys * 2))
    found = list(plain.each_client("stat:*", lambda key: ("GET", key)))
    assert found == [(keys[2], b"x"), (keys[0], b"x"), (keys[1], b"x")]


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
    cli.accounts.put("acme", "secret", NOW, NOW)
    assert worker.accounts.get("acme").secret == "secret"
    worker.objects.put_token(ALICE, "token", NOW)
    assert cli.objects.token(ALICE).value == "token"
    cli.close()
    worker.close()


def test_the_command_line_does_not_load_gevent(unmeasured):
    """It costs a fifth of the time a plain ``show`` may take."""
    code = "import sys, crs.store; from crs.store.direct import Direct; sys.exit('gevent' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_every_script_is_found():
    assert {"post", "fetch", "ack", "expire", "register", "wake", "create", "transition", "record"} <= set(SCRIPTS)
    assert not any(name.startswith("_") for name in SCRIPTS)


def test_info_is_one_section_by_name(server):
    direct = Direct(server.path, "redis", {})
    told = direct.info("persistence")
    assert told["loading"] == "0" and "redis_version" not in told
    assert direct.info("server")["redis_version"][0].isdigit()
    direct.close()
