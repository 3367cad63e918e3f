"""Directives about one connection: how it is watched, when it is closed, what it may send and leave unread.

One host, two workers, short times. Clients come from addresses of 127.0.0.0/8 where a rule is for a network.
"""

import json
from pathlib import Path

import gevent
import pytest
from gevent import socket

from crs.net import tls
from crs.wire import frames

from ..hosts import Domain, running, wait_for
from ..raw import PATIENCE, RawClient, Refused
from . import NUMBERS, number, shows

PINGED, CLEANED = number(1), number(2)
DIRECTIVES = f"""
keep-alive {PINGED}@acme ws 300 400
keep-alive 127.0.0.2/32 ws 350
keep-alive 127.0.0.3/32 tcp 5000
keep-alive {CLEANED}@acme ws 700000
detach-cleanup {CLEANED}@acme 300
detach-cleanup 127.0.0.4/32 350
detach-cleanup 127.0.0.5/32 86400000
handshake-timeout 1000
upgrade-timeout 1100
max-request 4096
control-rate 3
send-queue 65536
"""
BEFORE_DEFAULT = 9  # seconds: sooner than the default of a directive would do it


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("host"), directives=DIRECTIVES) as running_host:
        yield running_host


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", NUMBERS)


@pytest.fixture
def attach(host, domain):
    """Attaches and registers clients; closes them at the end."""
    made = []

    def attach(uri: str, source: str = "", device: str = "phone-1", **more) -> RawClient:
        client = RawClient(host.address, domain.month(uri), source, **more)
        made.append(client)
        client.registered = client.register(device)
        return client

    yield attach
    for client in made:
        client.close()


class Frames:
    """Reads a client's frames one by one, so that nothing is answered unless the test does."""

    def __init__(self, client: RawClient):
        client.stop_reading()
        client.tls.settimeout(PATIENCE)
        self.client, self._decoder = client, frames.Decoder(False, 1 << 20, 1 << 20, 64)

    def next(self) -> frames.Frame:
        while (frame := self._decoder.next()) is None:
            some = self.client.tls.recv()
            assert some, "the connection ended without a close frame"
            self._decoder.feed(some)
        return frame

    def pong(self, frame: frames.Frame) -> None:
        self.client.tls.sendall(frames.encode(frames.PONG, frame.payload, b"mask"), PATIENCE * 1000)


@shows("keep-alive")
def test_a_silent_client_of_a_network_is_pinged(attach):
    assert Frames(attach(number(3), "127.0.0.2")).next().opcode == frames.PING


@shows("keep-alive")
def test_a_client_that_does_not_answer_a_ping_is_closed(attach):
    reading = Frames(attach(PINGED))
    for _ in range(3):  # as long as it answers it stays
        frame = reading.next()
        assert frame.opcode == frames.PING
        reading.pong(frame)
    assert reading.next().opcode == frames.PING
    frame = reading.next()
    assert frame.opcode == frames.CLOSE
    assert frames.close_status(frame.payload) == (1001, "keep-alive: no answer to ping")


@shows("keep-alive")
@pytest.mark.parametrize(
    "uri, source, told",
    [
        (PINGED, "127.0.0.2", {"method": "ws", "interval": 300}),
        (number(3), "127.0.0.2", {"method": "ws", "interval": 350}),
        (CLEANED, "127.0.0.3", {"method": "tcp", "interval": 5000}),
        (CLEANED, "127.0.0.1", {"method": "ws", "interval": 700_000}),
        (number(3), "127.0.0.1", {"method": "ws", "interval": 1_230_000}),
    ],
)
def test_the_first_keep_alive_line_that_matches_counts(attach, uri, source, told):
    assert attach(uri, source).registered["keep_alive"] == told


@shows("keep-alive")
def test_tcp_keep_alive_is_the_kernels(attach, host):
    kernel = attach(number(3), "127.0.0.3")
    other = attach(number(4), "127.0.0.1")

    def timer(client):
        kind, _, left = row_of_server(client)[5].partition(":")
        return kind, int(left, 16) / 100  # ticks of 10 ms

    kind, seconds = wait_for(lambda: (found := timer(kernel))[0] == "02" and found, "a keep-alive timer is set")
    assert seconds <= 5
    wait_for(lambda: timer(other)[0] == "00", "no timer without the line")


def row_of_server(client: RawClient) -> list[str]:
    """The fields of /proc/net/tcp for the server's end of a client's connection."""
    local, remote = (
        f"{int.from_bytes(socket.inet_aton(ip), 'little'):08X}:{port:04X}"
        for ip, port in (client.tls.sock.getsockname(), client.tls.sock.getpeername())
    )
    return next(
        fields
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines())
        if fields[1:3] == [remote, local]
    )


@shows("detach-cleanup")
@pytest.mark.parametrize("uri, source", [(CLEANED, "127.0.0.5"), (number(3), "127.0.0.4")], ids=["client", "network"])
def test_an_unregistered_connection_is_closed_after_a_while(attach, uri, source):
    staying, registered, going = attach(number(5)), attach(CLEANED, device="phone-2"), attach(uri, source)
    staying.call("unregister")
    assert staying.closed is None
    going.call("unregister")
    closed = going.wait_closed()
    assert (closed.code, closed.reason) == (1000, "not registered")
    assert staying.register()["uri"] == number(5)  # no line is for it
    if uri != CLEANED:  # a line is for it, and it stayed registered
        assert registered.call("message.fetch")["messages"] == []


@shows("detach-cleanup")
def test_a_replaced_connection_is_closed_after_a_while(attach):
    first = attach(CLEANED, device="old")
    second = attach(CLEANED, device="new")
    assert first.notification("unregistered") == {"reason": "replaced"}
    assert first.wait_closed().code == 1000
    assert second.call("message.fetch")["messages"] == []


@shows("detach-cleanup")
def test_a_connection_that_registers_again_in_time_stays(attach):
    again, going = attach(CLEANED, device="again"), attach(number(3), "127.0.0.4")
    again.call("unregister")
    again.register("again")
    going.call("unregister")  # a longer delay, and begun later
    assert going.wait_closed().code == 1000
    assert again.call("message.fetch")["messages"] == []


@shows("handshake-timeout")
def test_a_handshake_has_its_time(host):
    with socket.create_connection(host.address) as sock:
        sock.settimeout(BEFORE_DEFAULT)
        assert sock.recv(1) == b""
    wait_for(lambda: "the handshake took longer than 1000 ms" in crs_log(host), "it is logged")


@shows("upgrade-timeout")
def test_an_upgrade_has_its_time(host, domain):
    link = tls.connect(socket.create_connection(host.address), *domain.month(number(3)), PATIENCE * 1000)
    link.settimeout(BEFORE_DEFAULT)
    assert b" 408 " in link.recv()
    link.close()
    wait_for(lambda: "no whole request within 1100 ms" in crs_log(host), "it is logged")


def crs_log(host) -> str:
    return (host.home / "log" / "crs.log").read_text()


@shows("max-request")
def test_a_message_has_its_size(attach):
    client = attach(number(3))
    request = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "session.list", "params": {}}).encode()
    client.send_text(request.ljust(4096))
    assert client.answer()["id"] == 7
    client.send_text(request.ljust(4097))
    assert client.wait_closed().code == 1009


@shows("control-rate")
def test_pings_have_their_rate(attach):
    client = attach(number(3))
    for _ in range(3):
        client.ws.ping()
    assert client.call("session.list") == {"sessions": []}
    for _ in range(7):
        client.ws.ping()
    closed = client.wait_closed()
    assert (closed.code, closed.reason) == (1008, "more than 3 control frames a second")


@shows("send-queue")
def test_what_waits_for_a_client_has_its_size(attach):
    sender, reader = attach(number(6)), attach(number(7), window=4096)
    for index in range(100):
        sender.call("message.post", {"id": f"m{index}", "to": number(7), "body": "x" * 3800})
    reader.stop_reading()
    for _ in range(60):  # 22 MB of answers: more than the kernel holds
        reader.send("message.fetch", {"limit": 100})
    looks = [0]

    def stuck():
        looks.append(int(row_of_server(reader)[4].partition(":")[0], 16))
        return 0 < looks[-1] == looks[-2]

    wait_for(stuck, "the kernel takes no more", pause=0.2)
    for call in range(100):  # 4 KB each: far less than 1 MiB, the default
        try:
            invited = sender.call("session.invite", {"id": f"c{call}", "to": number(7), "body": "x" * 3600})
        except Refused as refused:
            assert refused.word == "not-connected"
            return
        sender.call("session.hangup", {"session": invited["session"]})
        gevent.sleep(0)
    raise AssertionError("400 KB wait for a client that may have 64")
