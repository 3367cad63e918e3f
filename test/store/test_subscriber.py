"""A connection that listens: in order, and again by itself after Redis was away, saying so each time."""

import gevent
import pytest

from crs.store.direct import Direct
from crs.store.subscriber import Subscriber


@pytest.fixture
def listening(server):
    """A subscriber, the times it (re)subscribed, and what it heard."""
    subscribed, heard = [], []
    subscriber = Subscriber(server.path, "redis", ("a", "b"), lambda: subscribed.append(subscriber.ready.is_set()))

    def listen():
        for push in subscriber:
            heard.append(push)

    greenlet = gevent.spawn(listen)
    assert subscriber.ready.wait(10)
    yield subscriber, subscribed, heard
    greenlet.kill()


def wait_for(condition):
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


def test_messages_come_in_order_with_their_channel(server, listening):
    _, subscribed, heard = listening
    direct = Direct(server.path, "redis", {})
    for number in range(200):
        direct.call("PUBLISH", "ab"[number % 2], str(number).encode() + b"\x00\n")
    wait_for(lambda: len(heard) == 200)
    assert heard == [("ab"[number % 2], str(number).encode() + b"\x00\n") for number in range(200)]
    assert subscribed == [True]


def test_it_subscribes_again_when_redis_is_back_and_says_so(server, listening):
    subscriber, subscribed, heard = listening
    server.kill()
    wait_for(lambda: not subscriber.ready.is_set())
    server.start()
    assert subscriber.ready.wait(10)
    wait_for(lambda: len(subscribed) == 2)
    assert Direct(server.path, "redis", {}).call("PUBLISH", "a", "again") == 1
    wait_for(lambda: heard == [("a", b"again")])


def test_it_may_begin_before_redis_runs(server):
    server.kill()
    subscriber = Subscriber(server.path, "redis", ("a",))
    greenlet = gevent.spawn(next, iter(subscriber))
    gevent.sleep(0.05)
    server.start()
    assert subscriber.ready.wait(10)
    Direct(server.path, "redis", {}).call("PUBLISH", "a", "x")
    assert greenlet.get(timeout=10) == ("a", b"x")
