"""Trace: who listens hears what happens from then on; where nobody does, nothing is sent."""

import select

import gevent
import pytest

from crs.errors import Unavailable
from crs.store import SCRIPTS, Store, schema
from crs.store.pipe import Pipe
from crs.telemetry.trace import ELEMENTS, Event, Hearing, Tracer, concerns
from test.servers import RedisServer

NOW = 1_764_000_000_000  # ms


@pytest.fixture
def server():
    with RedisServer(appendfsync="no") as server:
        yield server


@pytest.fixture
def store(server):
    pipe = Pipe(server.path, "high", SCRIPTS)
    pipe.call("PING")  # what is told before it is connected is lost
    yield Store(pipe, pipe, "crs1")
    pipe.close()


@pytest.fixture
def hear(store):
    """Begin to hear an element; what has come so far is what calling the result gives."""
    hearings = []

    def begin(element):
        hearing, heard = Hearing(store, element), []
        hearings.append(hearing)

        def so_far():
            while select.select([hearing], [], [], 0)[0]:
                heard.extend(hearing.read())
            return heard

        return so_far

    yield begin
    for hearing in hearings:
        hearing.close()


def wait_for(condition):
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


def test_who_listens_hears_its_element_only(store, hear):
    tracer, heard = Tracer(store.high), hear("session")
    following = gevent.spawn(tracer.follow)

    def tell():
        tracer.emit("session", ("+46701111111", "+46702222222", "invite", "acme", 7), NOW)
        tracer.emit("attach", ("not asked for",), NOW)
        return heard()

    wait_for(tell)
    assert set(map(repr, heard())) == {repr(Event(NOW, ["+46701111111", "+46702222222", "invite", "acme", 7]))}
    following.kill()


def test_who_begins_to_listen_asks_the_workers_to_look_at_once(store, hear):
    store.high.call("PING")  # connected: what is told before that is lost
    subscriber = store.subscriber("attach:0", lambda: None)
    messages = iter(subscriber)
    first = gevent.spawn(next, messages)
    subscriber.ready.wait(10)
    hear("object")
    assert first.get(timeout=10) == (schema.ALL_WORKERS, b'*\n["look"]\n')


def test_nothing_is_sent_while_nobody_listens(store):
    tracer = Tracer(store.high)
    tracer.look()
    before = _commands(store)
    for element in ELEMENTS:
        tracer.emit(element, ("x",), NOW)
    assert _commands(store) == before + 1  # the question itself


def test_it_stops_when_redis_does(server, store, hear):
    tracer, heard = Tracer(store.high), hear("object")
    tracer.look()
    tracer.emit("object", ("x",), NOW)
    wait_for(heard)
    server.kill()
    tracer.look()
    tracer.emit("object", ("x",), NOW)
    with pytest.raises(Unavailable, match="high is not running or does not answer"):
        wait_for(lambda: len(heard()) > 1)
    with pytest.raises(Unavailable, match="high is not running or does not answer"):
        Hearing(store, "object")


SESSION = ["+46701111111", "+46702222222", "talk", "acme", "crs1.a", "beta"]


@pytest.mark.parametrize(
    ("element", "values", "uri", "account", "shown"),
    [
        ("session", SESSION, None, None, True),
        ("session", SESSION, "+46702222222", None, True),
        ("session", SESSION, "+46703333333", None, False),
        ("session", SESSION, None, "beta", True),
        ("session", SESSION, "+46701111111", "gamma", False),
        ("session", SESSION[:5], None, "beta", False),
        (
            "connection",
            ["0.1", "client", "+46701111111@acme", "192.0.2.1", 1, "negotiated"],
            "+46701111111",
            "acme",
            True,
        ),
        ("connection", ["0.1", "client", "+46701111111@acme", "192.0.2.1", 1, "negotiated"], None, "beta", False),
        ("connection", ["0.1", "unknown", "unknown", "192.0.2.1", 1, "connected"], "+46701111111", None, False),
        ("object", ["+46701111111", "update client_token", "acme"], None, "acme", True),
    ],
)
def test_filters(element, values, uri, account, shown):
    assert concerns(element, values, uri, account) == shown


def _commands(store) -> int:
    lines = store.high.call("INFO", "stats").decode().splitlines()
    return int(dict(line.split(":", 1) for line in lines if ":" in line)["total_commands_processed"])
