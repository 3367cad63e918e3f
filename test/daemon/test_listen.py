"""Listening sockets of workers at one port, and why an address cannot be used."""

import errno
import socket

import pytest

from crs.daemon import listen

from ..hosts import free_port


def test_workers_share_a_port():
    sockets = listen.tcp("127.0.0.1", free_port(), 3, "listen-port")
    addresses = {sock.getsockname() for sock in sockets}
    assert len(sockets) == 3 and len(addresses) == 1
    socket.create_connection(addresses.pop(), 10).close()
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize("share", [0, 1])
def test_a_port_of_another_program_is_refused(share):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(listen.CannotBind) as caught:
            listen.tcp("127.0.0.1", port, 1, "sync-port")
    assert caught.value.errno == errno.EADDRINUSE
    assert str(caught.value) == (
        f"127.0.0.1:{port}/tcp is used by another program; stop that program, or choose another sync-port in crs.conf"
    )


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(listen.CannotBind, match="192.0.2.77:5000/udp is not at an address of this machine"):
        listen.probe("192.0.2.77", 5000, socket.SOCK_DGRAM, "relay-port")


def test_addresses_as_people_write_them():
    assert [listen.place("192.0.2.1", 5), listen.place("2001:db8::1", 5)] == ["192.0.2.1:5", "[2001:db8::1]:5"]


def test_a_port_is_free_again_after_the_probe():
    port = free_port()
    for _ in range(2):
        listen.probe("127.0.0.1", port, socket.SOCK_STREAM, "listen-port")
