"""The opening of a WebSocket over real TLS: heads within limits, and peers that are refused, slow or gone."""

import gevent
import pytest

from crs.net import tls, websocket
from crs.wire import heads
from test.net.peers import TIMEOUT, read_to_end, shake, tcp_pair, tls_pair, until

LIMITS = websocket.Limits()
QUICK = 0.05  # seconds: a limit that a test waits out


def refused(how, limits=LIMITS):
    """What the server raised and what the client read, where ``how(client)`` plays a client."""
    server, client = shake(*tcp_pair())
    opening = gevent.spawn(lambda: pytest.raises(websocket.UpgradeError, websocket.upgrade, server, limits).value)
    playing = gevent.spawn(how, client)
    answer = read_to_end(client)
    playing.kill()
    client.close()
    error = opening.get(timeout=TIMEOUT / 1000)
    until(lambda: server.closed)
    return error, answer


def test_a_refusal_reaches_a_client_that_is_still_sending():
    error, answer = refused(lambda client: client.sendall(b"POST / HTTP/1.1\r\n\r\n" + bytes(2_000_000), TIMEOUT))
    assert (error.status, str(error)) == (405, "refused with 405: only GET is served here")
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")


@pytest.mark.parametrize(
    "bomb",
    [
        b"GET / HTTP/1.1\r\nCookie: " + b"x" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5_000,
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"\r\n" * 5_000,
        bytes(2_000_000),
    ],
)
def test_a_head_too_large(bomb):
    error, answer = refused(lambda client: client.sendall(bomb, TIMEOUT))
    assert error.status in (431, 400)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n") or bomb.startswith(b"\r\n")


def test_the_limit_of_a_head_is_exact():
    def of_size(size):
        request = heads.request("h", "/", bytes(16))[:-2] + b"X: "
        return request + b"x" * (size - len(request) - 4) + b"\r\n\r\n"

    server, client = tls_pair()
    opening = gevent.spawn(websocket.upgrade, server, LIMITS)
    client.sendall(of_size(8192), TIMEOUT)
    assert client.recv().startswith(b"HTTP/1.1 101 ")
    opening.get().close()
    error, _ = refused(lambda client: client.sendall(of_size(8193), TIMEOUT))
    assert error.status == 431


def test_a_head_fed_drop_by_drop():
    def drip(client):
        for byte in heads.request("h", "/", bytes(16)):
            client.sendall(bytes([byte]), TIMEOUT)
            gevent.sleep(0.02)

    error, answer = refused(drip, websocket.Limits(upgrade_timeout_ms=100))
    assert error.status == 408
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


@pytest.mark.parametrize("leave", [tls.TlsSocket.close, tls.TlsSocket.abort])
def test_a_client_that_goes_before_it_asked(leave):
    server, client = shake(*tcp_pair())
    opening = gevent.spawn(lambda: pytest.raises(websocket.UpgradeError, websocket.upgrade, server, LIMITS).value)
    client.send_some(b"GET / ")
    leave(client)
    assert opening.get(timeout=TIMEOUT / 1000).status == 0


@pytest.mark.parametrize(
    "said, text",
    [
        (b"", "no answer to the upgrade within 50 ms"),
        (b"HTTP/1.1 101 x" + b"x" * 10_000, "the server's answer is larger than 8192 bytes"),
        (b"HTTP/1.1 403 No\r\n\r\n", "the server answered 403 No"),
    ],
)
def test_a_server_that_does_not_open(said, text):
    server, client = tls_pair()
    server.send_some(said)
    with pytest.raises(websocket.UpgradeError) as caught:
        websocket.client_upgrade(client, "h", "/", QUICK * 1000)
    assert str(caught.value) == text
    assert client.closed
