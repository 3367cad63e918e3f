"""Connections at rest: no greenlet waits for them, whatever wakes them; and greenlets that are used again."""

import weakref

import gevent
from gevent.event import Event
from greenlet import getcurrent

from crs.net import rest, websocket
from crs.wire import frames
from test.net.peers import TIMEOUT, until
from test.net.test_websocket import end_of, ended, masked, open_pair, raw_pair


class Echo:
    """Answers what comes on the server's end of a WebSocket, and rests in between."""

    def __init__(self, server):
        self.server = server
        self.rests = 0
        self.ended: websocket.Closed | None = None
        self.greenlets = set()
        rest.spawn(self.go_on, "again")

    def go_on(self, word):
        assert word == "again"
        self.greenlets.add(getcurrent())
        try:
            while (message := self.server.receive_or_rest(self.go_on, "again")) is not None:
                self.server.send(message)
            self.rests += 1
        except websocket.Closed as closed:
            self.ended = closed


def at_rest(server, times=1):
    echo = Echo(server)
    until(lambda: echo.rests == times)
    return echo


def test_a_message_wakes_a_connection_and_it_rests_again():
    server, client = open_pair()
    echo = at_rest(server)
    for number in range(3):
        client.send(b"%d" % number)
        assert client.receive() == b"%d" % number
    until(lambda: echo.rests == 4)


def test_messages_that_come_together_are_answered_before_it_rests():
    server, client = raw_pair(ahead=b"".join(masked(frames.TEXT, b"%d" % number) for number in range(40)))
    at_rest(server)
    got = b""
    with gevent.Timeout(TIMEOUT / 1000):
        while len(got) < 3 * 10 + 4 * 30:
            got += client.recv()
    assert got.endswith(frames.encode(frames.TEXT, b"39"))


def test_a_message_longer_than_a_record_in_pieces_wakes_it():
    server, client = open_pair()
    at_rest(server)
    for size in (16_384 - 8, 50_000, 200_000):
        client.send(b"x" * size)
        assert client.receive() == b"x" * size


def test_connections_that_rest_in_turn_share_one_greenlet():
    pairs = [open_pair() for _ in range(5)]
    echoes = [at_rest(server) for server, _ in pairs]
    for _, client in pairs:
        client.send(b"x")
        assert client.receive() == b"x"
    until(lambda: all(echo.rests == 2 for echo in echoes))
    assert len(set.union(*(echo.greenlets for echo in echoes))) == 1


def test_control_frames_are_handled_and_it_rests_again():
    server, client = open_pair()
    echo = at_rest(server)
    server.ping(b"there?")
    with gevent.Timeout(TIMEOUT / 1000):
        client_reads = gevent.spawn(end_of, client.receive)
        until(lambda: server.last_pong and echo.rests >= 2)
    client.close()
    until(lambda: echo.ended)
    client_reads.get(timeout=TIMEOUT / 1000)


def test_the_peer_leaves():
    server, client = open_pair()
    echo = at_rest(server)
    client.close(4000, "bye")
    assert ended(client.receive) == (4000, "bye", False)
    until(lambda: echo.ended)
    assert (echo.ended.code, echo.ended.reason, echo.ended.by_peer) == (4000, "bye", True)


def test_the_peer_is_gone():
    server, client = raw_pair()
    echo = at_rest(server)
    client.abort()
    until(lambda: echo.ended)
    assert echo.ended.code == frames.ABNORMAL


def test_close_ends_a_connection_at_rest_as_soon_as_the_peer_has_answered(monkeypatch):
    monkeypatch.setattr(websocket, "CLOSING_TIME", TIMEOUT / 1000)
    server, client = open_pair()
    echo = at_rest(server)
    server.close(1001, "server stopping")
    client_reads = gevent.spawn(ended, client.receive)
    with gevent.Timeout(TIMEOUT / 2000):
        assert client_reads.get() == (1001, "server stopping", True)
        until(lambda: echo.ended)
    assert (echo.ended.code, echo.ended.by_peer) == (1001, False)


def test_close_ends_a_connection_at_rest_whose_peer_does_not_answer(monkeypatch):
    monkeypatch.setattr(websocket, "CLOSING_TIME", 0.05)
    server, client = raw_pair()
    echo = at_rest(server)
    server.close(1001, "server stopping")
    until(lambda: echo.ended)
    assert (echo.ended.code, echo.ended.by_peer) == (1001, False)
    assert client.recv()


def test_a_peer_that_does_not_read_ends_a_connection_at_rest():
    server, _client = raw_pair(websocket.Limits(send_queue=1000, send_timeout_ms=TIMEOUT))
    echo = at_rest(server)
    until(lambda: server.send(b"x" * 100_000) or server.closed)
    until(lambda: echo.ended)
    assert (echo.ended.code, echo.ended.reason) == (frames.POLICY, "too slow")


def test_closing_the_connection_under_it_wakes_it():
    server, _ = open_pair()
    echo = at_rest(server)
    server.drop()
    until(lambda: echo.ended)


# --- greenlets that are used again


def run(work):
    done = Event()

    def whole():
        try:
            work()
        finally:
            done.set()

    rest.spawn(whole)
    assert done.wait(TIMEOUT / 1000)
    gevent.sleep(0)


def test_a_greenlet_may_wait_in_its_work_while_others_work():
    began, go = [], Event()
    for number in range(3):
        rest.spawn(lambda number=number: (began.append(number), go.wait()))
    until(lambda: len(began) == 3)
    go.set()


def test_a_greenlet_whose_work_failed_is_not_used_again():
    failed, next_one = [], []

    def fail():
        failed.append(getcurrent())
        raise ValueError("of the test")

    run(fail)
    until(lambda: failed[0].dead)
    run(lambda: next_one.append(getcurrent()))
    assert next_one[0] is not failed[0]


def test_only_some_greenlets_are_kept(monkeypatch):
    monkeypatch.setattr(rest, "KEPT", 2)
    monkeypatch.setattr(rest, "_free", [])
    seen, go = [], Event()
    for _ in range(5):
        rest.spawn(lambda: (seen.append(getcurrent()), go.wait()))
    until(lambda: len(seen) == 5)
    go.set()
    until(lambda: sum(greenlet.dead for greenlet in seen) == 3)
    assert len(rest._free) == 2


def test_a_greenlet_that_waits_for_work_holds_nothing_of_the_last():
    class Work:
        def __call__(self, _argument):
            pass

    work = Work()
    gone = weakref.ref(work)
    rest.spawn(work, work)
    del work
    until(lambda: gone() is None)
