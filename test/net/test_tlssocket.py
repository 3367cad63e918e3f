"""A TLS connection: reading, writing, the ways to close, and a peer that is slow, rude or gone."""

import os

import gevent
import pytest

from test.net.peers import TIMEOUT, VERSIONS, shake, tcp_pair, tls_error_of, tls_pair, until


def read_exactly(end, size):
    got = b""
    while len(got) < size:
        some = end.recv()
        assert some, f"the stream ended after {len(got)} of {size} bytes"
        got += some
    return got


@pytest.mark.parametrize("version", VERSIONS)
def test_much_data_both_ways_at_once(version):
    server, client = tls_pair(version=version)
    there, back = os.urandom(3_000_000), os.urandom(3_000_000)
    writers = [gevent.spawn(client.sendall, there, TIMEOUT), gevent.spawn(server.sendall, back, TIMEOUT)]
    reader = gevent.spawn(read_exactly, client, len(back))
    assert read_exactly(server, len(there)) == there
    assert reader.get() == back
    gevent.joinall(writers, raise_error=True)


def test_writers_take_turns():
    server, client = tls_pair()
    writers = [gevent.spawn(client.sendall, bytes([letter]) * 500_000, TIMEOUT) for letter in b"abcd"]
    got = read_exactly(server, 2_000_000)
    assert got == b"".join(bytes([letter]) * 500_000 for letter in b"abcd")
    gevent.joinall(writers, raise_error=True)


def test_a_peer_that_does_not_read():
    server, client = tls_pair()
    assert tls_error_of(client.sendall, bytes(10_000_000), 50) == "the peer does not read"
    assert not server.closed


def test_send_some_never_waits_and_keeps_its_place():
    server, client = tls_pair()
    blob = os.urandom(5_000_000)
    sent = client.send_some(blob)
    assert 0 < sent < len(blob)
    assert client.send_some(blob[sent:]) == 0
    rest = gevent.spawn(client.sendall, blob[sent:], TIMEOUT)
    gevent.sleep(0)
    assert client.send_some(b"not now") == 0, "another writer is in the middle of its bytes"
    assert read_exactly(server, len(blob)) == blob
    rest.get()


def test_close_is_heard_and_ends_the_waiting_of_others():
    server, client = tls_pair()
    reader = gevent.spawn(client.recv)
    writer = gevent.spawn(tls_error_of, client.sendall, bytes(10_000_000), TIMEOUT)
    gevent.sleep(0.01)
    client.close()
    client.close()
    assert reader.get(timeout=TIMEOUT / 1000) == b""
    assert writer.get(timeout=TIMEOUT / 1000) == "the connection was closed here"
    assert client.recv() == b""
    assert tls_error_of(client.sendall, b"x", TIMEOUT) == "the connection is closed"
    assert (client.version, client.cipher, client.fileno()) == ("", "", -1)
    while server.recv():
        pass


def test_the_end_of_the_stream():
    server, client = tls_pair()
    client.close()
    assert server.recv() == b""
    server, client = tls_pair()
    client.sock.close()  # without a close_notify
    assert server.recv() == b""


def test_an_abort_resets():
    server, client = shake(*tcp_pair())
    client.abort()
    assert tls_error_of(server.recv) == "connection reset by peer"
    server.close()


def test_garbage_in_the_stream():
    server, client = tls_pair()
    client.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert tls_error_of(server.recv) == "decryption failed or bad record mac"
    server.close()


def test_last_words_are_heard_by_a_peer_that_is_still_talking():
    server, client = shake(*tcp_pair())
    client.sendall(bytes(200_000), TIMEOUT)
    server.sendall(b"enough", TIMEOUT)
    server.linger(TIMEOUT)
    server.close()
    client.sendall(bytes(200_000), TIMEOUT)
    assert client.recv() == b"enough"
    assert client.recv() == b""
    assert not server.closed
    client.close()
    until(lambda: server.closed)


def test_lingering_ends_with_a_peer_that_never_stops():
    server, client = shake(*tcp_pair())
    talking = gevent.spawn(tls_error_of, client.sendall, bytes(500_000_000), 60_000)
    server.linger(100)
    until(lambda: server.closed)
    assert talking.get(timeout=TIMEOUT / 1000)


def test_a_read_with_a_time_limit():
    server, client = tls_pair()
    server.settimeout(0.02)
    assert tls_error_of(server.recv) == "nothing came in time"
    client.sendall(b"late", TIMEOUT)
    assert server.recv() == b"late"
