"""WebSocket over real TLS: conversation, close; and peers that are slow, silent, rude or gone."""

import os

import gevent
import pytest

from crs.net import tls, websocket
from crs.wire import frames, heads
from test.net.peers import TIMEOUT, read_to_end, shake, tcp_pair, tls_pair, until
from test.wire import cases

LIMITS = websocket.Limits()
QUICK = 0.05  # seconds: a limit that a test waits out


def end_of(call, *args) -> websocket.Closed:
    with pytest.raises(websocket.Closed) as caught, gevent.Timeout(TIMEOUT / 1000):
        while True:
            call(*args)
    return caught.value


def ended(call, *args) -> tuple:
    end = end_of(call, *args)
    return end.code, end.reason, end.by_peer


def pair(limits=LIMITS, client_limits=LIMITS):
    """(server's end, client's end), both WebSocket."""
    server, client = tls_pair()
    opening = gevent.spawn(websocket.upgrade, server, limits)
    return client_end(client, client_limits), opening.get()


def client_end(client, limits=LIMITS):
    return websocket.client_upgrade(client, "crs.example.org", "/", TIMEOUT, limits)


def open_pair(limits=LIMITS, client_limits=LIMITS):
    client, server = pair(limits, client_limits)
    return server, client


def raw_pair(limits=LIMITS, ahead=b""):
    """(server's WebSocket, the TlsSocket of a client that writes its frames itself)."""
    server, client = tls_pair()
    opening = gevent.spawn(websocket.upgrade, server, limits)
    client.sendall(heads.request("h", "/", bytes(16)) + ahead, TIMEOUT)
    opened = opening.get()
    answer = client.recv()
    assert answer.endswith(b"\r\n\r\n")
    return opened, client


def masked(opcode, payload=b""):
    return frames.encode(opcode, payload, b"\1\2\3\4")


def serve_echo(server):
    try:
        while True:
            server.send(server.receive())
    except websocket.Closed as closed:
        return closed


# --- conversation


def test_frames_sent_with_the_request_are_not_lost():
    server, _ = raw_pair(ahead=masked(frames.TEXT, b"first") + masked(frames.TEXT, b"second"))
    assert [server.receive(), server.receive()] == [b"first", b"second"]


@pytest.mark.parametrize("name", cases.names())
def test_the_folder_of_frames_over_tls(name):
    case = cases.read(name)
    server, client = raw_pair()
    writing = gevent.spawn(client.sendall, case.sent + (b"" if case.closed else masked(frames.CLOSE)), TIMEOUT)
    messages = []
    end = end_of(lambda: messages.append(server.receive()))
    answered = read_to_end(client)
    writing.kill()
    if case.closed:
        assert (end.code, end.reason, answered) == (*case.closed, case.answered)
        assert end.by_peer == name.startswith("valid/")
    else:
        assert (end.code, answered) == (1005, case.answered + b"\x88\x00")
    assert messages == case.messages
    client.close()
    until(lambda: server._tls.closed)


def test_messages_both_ways_in_order():
    server, client = open_pair()
    echo = gevent.spawn(serve_echo, server)
    texts = [f"{number} ".encode() * (number * 7 % 900) for number in range(400)]
    sending = gevent.spawn(lambda: [client.send(text) for text in texts])
    assert [client.receive() for _ in texts] == texts
    sending.get()
    client.close(4000, "enough")
    assert ended(client.receive) == (4000, "enough", False)
    end = echo.get()
    assert (end.code, end.reason, end.by_peer) == (4000, "enough", True)
    assert str(end) == "closed by the peer: 4000 enough"


def test_a_client_masks_each_frame_anew():
    server, client = tls_pair()
    asking = gevent.spawn(client_end, client)
    request = server.recv()
    server.sendall(heads.answer(request).response, TIMEOUT)
    opened = asking.get()
    opened.send(b"same")
    opened.send(b"same")
    sent = b""
    while len(sent) < 20:
        sent += server.recv()
    assert sent[:2] == sent[10:12] == b"\x81\x84"
    assert sent[2:6] != sent[12:16]


def test_a_server_that_masks_is_left():
    server, client = tls_pair()
    asking = gevent.spawn(client_end, client)
    server.sendall(heads.answer(server.recv()).response + masked(frames.TEXT, b"x"), TIMEOUT)
    assert ended(asking.get().receive) == (1002, "frame is masked", False)


def test_ping_and_pong():
    server, client = open_pair()
    gevent.spawn(client.receive)
    receiving = gevent.spawn(end_of, server.receive)
    before = server.last_heard
    server.ping(b"there?")
    until(lambda: server.last_pong > before)
    assert server.last_heard == server.last_pong
    with pytest.raises(ValueError, match="at most 125 bytes"):
        server.ping(bytes(126))
    receiving.kill()


@pytest.mark.parametrize("kind", [frames.PING, frames.PONG])
def test_control_frames_within_the_rate_and_above(kind):
    server, client = raw_pair(websocket.Limits(control_rate=20))
    client.sendall(masked(kind) * 20 + masked(frames.TEXT, b"still here"), TIMEOUT)
    assert server.receive() == b"still here"
    client.sendall(masked(kind) * 25, TIMEOUT)
    assert ended(server.receive) == (1008, "more than 20 control frames a second", False)


def test_control_frames_at_the_rate_for_ever():
    server, _ = raw_pair(websocket.Limits(control_rate=5))
    for moment in range(100):
        server._count_control(1000 + moment / 5)
    for _ in range(5):
        server._count_control(1020)
    with pytest.raises(frames.Violation):
        server._count_control(1020)


def test_at_rest_nothing_is_held():
    server, client = open_pair()
    echo = gevent.spawn(serve_echo, server)
    client.send(b"x" * 200_000)
    assert len(client.receive()) == 200_000
    for end in (server, client):
        until(lambda end=end: end._flusher is None)
        assert (end._queue, end._closer, end._decoder._buffer, end._decoder._message) == (None, None, b"", b"")
        assert end._tls._lock is None or not end._tls._lock.locked()
    echo.kill()


def test_one_that_never_pauses_does_not_keep_the_loop():
    server, client = raw_pair()
    client.sendall(masked(frames.TEXT, b"") * 2000, TIMEOUT)
    turns = 0

    def other():
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    others = gevent.spawn(other)
    for _ in range(2000):
        server.receive()
    others.kill()
    assert turns >= 100


# --- a peer that does not read


def test_sending_never_waits_and_what_was_sent_arrives():
    server, client = open_pair(client_limits=websocket.Limits(max_message=8_000_000))
    big = b"y" * 6_000_000
    with gevent.Timeout(TIMEOUT / 1000):
        server.send(big)  # more than the queue may hold, and than the kernel takes: one is let through
        server.ping()
    assert server._queue
    assert client.receive() == big
    until(lambda: server._queue is None)
    server.send(b"after")
    assert client.receive() == b"after"


def test_a_queue_too_long():
    server, client = open_pair(websocket.Limits(send_queue=100_000))
    receiving = gevent.spawn(ended, server.receive)
    gevent.sleep(0)
    for _ in range(100):
        server.send(bytes(1_000_000))
    assert server.closed
    assert receiving.get() == (1008, "too slow", False)
    assert server._tls.closed
    server.send(b"into the void")
    until(lambda: server._flusher is None)


def test_a_reader_that_stops():
    server, client = open_pair(websocket.Limits(send_timeout_ms=QUICK * 1000), websocket.Limits(max_message=9_000_000))
    server.send(bytes(8_000_000))
    assert ended(server.receive) == (1008, "too slow", False)
    assert ended(client.receive)[0] == 1006


def test_a_slow_reader_is_not_one_that_stopped():
    server, client = tls_pair()
    opening = gevent.spawn(websocket.upgrade, server, websocket.Limits(send_timeout_ms=500))
    client.sendall(heads.request("h", "/", bytes(16)), TIMEOUT)
    opened = opening.get()
    opened.send(bytes(4_000_000))
    got = 0
    while got < 4_000_000:  # 1 MiB at a time, with a pause each within the limit, all of them beyond it
        want = got + (1 << 20)
        while got < min(want, 4_000_000):
            got += len(client.recv())
        gevent.sleep(0.2)
    assert not opened.closed


def test_one_that_does_not_read_its_answers_is_not_asked_for_more():
    server, client = open_pair(websocket.Limits(send_queue=400_000))
    echo = gevent.spawn(serve_echo, server)
    texts = [os.urandom(10).hex().encode() * 5_000 for _ in range(120)]
    sending = gevent.spawn(lambda: [client._tls.sendall(masked(frames.TEXT, text), TIMEOUT) for text in texts])
    gevent.sleep(QUICK)
    assert [client.receive() for _ in texts] == texts
    sending.get()
    assert not server.closed
    echo.kill()


# --- closing


def test_closing_twice_is_closing_once():
    server, client = open_pair()
    receiving = gevent.spawn(ended, server.receive)
    client.close(1001, "moving")
    client.close(1000, "again")
    assert client.closed
    client.send(b"too late")
    assert ended(client.receive) == (1001, "moving", False)
    assert ended(client.receive) == (1001, "moving", False)
    assert receiving.get() == (1001, "moving", True)


def test_both_close_at_once():
    server, client = open_pair()
    server.close(1001, "server")
    client.close(1000, "client")
    assert ended(server.receive) == (1001, "server", False)
    assert ended(client.receive) == (1000, "client", False)


def test_closing_from_another_greenlet_ends_the_receiver():
    server, client = open_pair()
    gevent.spawn(end_of, client.receive)
    receiving = gevent.spawn(ended, server.receive)
    gevent.sleep(0)
    server.close(1008, "month expired")
    assert receiving.get(timeout=TIMEOUT / 1000) == (1008, "month expired", False)
    until(lambda: server._tls.closed)


def test_closing_where_nobody_receives():
    server, client = open_pair()
    server.close()
    assert ended(client.receive) == (1000, "", True)
    until(lambda: server._tls.closed)


@pytest.mark.parametrize("receiving", [True, False])
def test_a_peer_that_never_answers_a_close(monkeypatch, receiving):
    monkeypatch.setattr(websocket, "CLOSING_TIME", QUICK)
    server, client = raw_pair()
    reader = gevent.spawn(ended, server.receive) if receiving else None
    gevent.sleep(0)
    server.close(1001, "going")
    client.sendall(masked(frames.TEXT, b"never mind") * 3, TIMEOUT)
    until(lambda: server._tls.closed)
    if receiving:
        assert reader.get() == (1001, "going", False)
    assert ended(server.receive) == (1001, "going", False)
    assert read_to_end(client) == frames.encode(frames.CLOSE, frames.close_payload(1001, "going"))


def test_garbage_after_our_close_changes_nothing():
    server, client = raw_pair()
    server.close(1001, "going")
    client.sendall(b"\xff" * 100, TIMEOUT)
    assert ended(server.receive) == (1001, "going", False)
    assert read_to_end(client) == frames.encode(frames.CLOSE, frames.close_payload(1001, "going"))


def test_a_close_waits_its_turn_behind_what_was_sent():
    server, client = open_pair(client_limits=websocket.Limits(max_message=8_000_000))
    server.send(b"z" * 6_000_000)
    server.close(1000, "that was all")
    assert len(client.receive()) == 6_000_000
    assert ended(client.receive) == (1000, "that was all", True)


@pytest.mark.parametrize("leave", [tls.TlsSocket.close, tls.TlsSocket.abort])
def test_a_peer_that_vanishes(leave):
    server, client = shake(*tcp_pair())
    opening = gevent.spawn(websocket.upgrade, server, LIMITS)
    client_end(client)
    opened = opening.get()
    leave(client)
    assert ended(opened.receive)[0] == 1006
    opened.send(b"nobody there")
    opened.close()
    assert opened._tls.closed


def test_last_words_survive_a_close_of_what_is_below():
    """An owner closes the TLS connection as soon as it hears Closed; the peer must get the close frame all the same."""
    server, client = shake(*tcp_pair())
    opening = gevent.spawn(websocket.upgrade, server, LIMITS)
    client.sendall(heads.request("h", "/", bytes(16)), TIMEOUT)
    opened = opening.get()
    client.sendall(b"\x81\xff" + (1 << 40).to_bytes(8) + bytes(500_000), TIMEOUT)
    assert ended(opened.receive)[0] == 1009
    server.close()
    assert read_to_end(client).endswith(frames.close_payload(1009, "message of more than 262144 bytes"))
