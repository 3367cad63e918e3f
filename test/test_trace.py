"""Trace: who listens hears what happens from then on; where nobody does, nothing is sent."""

import gevent
import pytest

from crs.store import SCRIPTS, Store
from crs.store.pipe import Pipe
from crs.trace import ELEMENTS, Tracer, listen
from test.servers import RedisServer

NOW = 1_764_000_000_000   # ms


@pytest.fixture
def server():
    with RedisServer(appendfsync="no") as server:
        yield server


@pytest.fixture
def store(server):
    pipe = Pipe(server.path, "high", SCRIPTS)
    yield Store(pipe, pipe, "crs1")
    pipe.close()


def hear(store, heard, *elements):
    def follow():
        for event in listen(store, elements):
            heard.append(event)
    return gevent.spawn(follow)


def wait_for(condition):
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


def test_who_listens_hears_its_elements_only(store):
    tracer, heard = Tracer(store), []
    following = gevent.spawn(tracer.follow)
    listener = hear(store, heard, "session", "message")

    def tell():
        tracer.emit("session", ("+46701111111", "+46702222222", "invite", "acme", 7), NOW)
        tracer.emit("attach", ("not asked for",), NOW)
        return heard
    wait_for(tell)
    assert set(map(repr, heard)) == {repr(("session", NOW, ["+46701111111", "+46702222222", "invite", "acme", 7]))}
    listener.kill()
    following.kill()


def test_nothing_is_sent_while_nobody_listens(store):
    tracer = Tracer(store)
    tracer.look()
    before = _commands(store)
    for element in ELEMENTS:
        tracer.emit(element, ("x",), NOW)
    assert _commands(store) == before + 1   # the question itself


def test_it_stops_when_the_listener_goes_or_redis_does(server, store):
    tracer, heard = Tracer(store), []
    listener = hear(store, heard, "object")
    wait_for(lambda: store.high.call("PUBSUB", "NUMSUB", "trace:object")[1] == 1)
    tracer.look()
    tracer.emit("object", ("x",), NOW)
    wait_for(lambda: heard)
    server.kill()
    tracer.look()
    tracer.emit("object", ("x",), NOW)
    listener.kill()
    assert heard == [("object", NOW, ["x"])]


def _commands(store) -> int:
    lines = store.high.call("INFO", "stats").decode().splitlines()
    return int(dict(line.split(":", 1) for line in lines if ":" in line)["total_commands_processed"])
