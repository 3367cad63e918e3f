"""Snapshots of a server that runs: what a new server loads from one, and what is told where none can be written."""

import os
import resource
import shutil

import pytest

from crs.errors import OperatorFault, Unavailable
from crs.store import SCRIPTS, snapshot
from crs.store.direct import Direct
from test.servers import RedisServer


@pytest.fixture
def redis(server):
    redis = Direct(server.path, "redis_low", SCRIPTS)
    yield redis
    redis.close()


def fill(redis, keys: int = 2000, random: bool = False) -> None:
    redis.all([("SET", f"key:{number}", os.urandom(100) if random else f"{number} " * 50) for number in range(keys)])


def test_a_new_server_loads_it_as_its_data(server, redis, tmp_path):
    fill(redis)
    kept = tmp_path / "kept"
    with snapshot.taken(redis, server.directory) as dump:
        redis.call("SET", "later", "not in it")
        shutil.copy(dump, kept)
        name, beside = snapshot.loadable(redis)
    assert not (server.directory / snapshot.DUMP).exists()
    other = RedisServer(server.binary)
    for file, content in {name: kept.read_bytes(), **beside}.items():
        (other.directory / file).parent.mkdir(exist_ok=True)
        (other.directory / file).write_bytes(content)
    with other:
        loaded = Direct(other.path, "redis_low", SCRIPTS)
        assert loaded.call("DBSIZE") == 2000 and loaded.call("GET", "key:7") == b"7 " * 50
        loaded.call("SET", "new", "1")
        loaded.close()
        other.kill()
        other.start()  # it goes on with its own append-only file from there
        assert loaded.call("DBSIZE") == 2001
        loaded.close()


def test_a_rewrite_that_is_under_way_is_waited_for(server, redis):
    fill(redis, 20_000)
    redis.call("BGREWRITEAOF")
    with snapshot.taken(redis, server.directory) as dump:
        assert dump.stat().st_size > 0
        assert redis.info("persistence")["aof_rewrite_in_progress"] == "0"


def test_what_was_left_of_an_earlier_one_is_not_taken_for_it(server, redis):
    (server.directory / snapshot.DUMP).write_bytes(b"old")
    with snapshot.taken(redis, server.directory) as dump:
        assert dump.read_bytes().startswith((b"REDIS", b"VALKEY"))


def test_a_server_that_cannot_write_is_told(server, redis):
    fill(redis, random=True)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))  # bytes of a file
    refused = pytest.raises(OperatorFault, match="redis_low wrote no snapshot to .* see redis_low.log")
    with refused, snapshot.taken(redis, server.directory):
        pass
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert not (server.directory / snapshot.DUMP).exists()
    with snapshot.taken(redis, server.directory) as dump:  # once it can, it does
        assert dump.exists()


def test_a_server_that_is_gone_is_told(server, redis):
    redis.call("PING")
    server.kill()
    with pytest.raises(Unavailable), snapshot.taken(redis, server.directory):
        pass
