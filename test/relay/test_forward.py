"""The UDP port: how many sockets it has, and that it is shared with nobody."""

import errno
import os
import select
import socket

import pytest

from crs.errors import OperatorFault
from crs.relay import fast, forward

from .running import MEDIA, PATIENCE, free_port


def open_port(monkeypatch, ip, port, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    return fast.open_port({}, 90_000, [], ip, port)


@pytest.mark.parametrize("cores, loops", [(1, 1), (2, 2), (3, 3), (4, 4), (64, 4)])
def test_there_is_a_loop_for_each_core_up_to_four(monkeypatch, cores, loops):
    port = open_port(monkeypatch, "127.0.0.1", 0, cores)
    assert port.loops == fast.loops() == (loops if fast.lib else 1)
    assert sorted(loop for _, loop in port.fds()) == list(range(port.loops))
    port.close()


@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("option", [None, socket.SO_REUSEPORT, socket.SO_REUSEADDR])
def test_a_port_is_not_shared_with_anyone_else(monkeypatch, ip, option):
    """Neither taken from another program nor given to one, though both be of the same user and willing to share."""
    number = free_port(ip)
    with socket.socket(type=socket.SOCK_DGRAM) as theirs:
        if option:
            theirs.setsockopt(socket.SOL_SOCKET, option, 1)
        theirs.bind((ip, number))
        with pytest.raises(OperatorFault, match=f"port {number}/udp: Address already in use"):
            open_port(monkeypatch, ip, number, 2)
    ours = open_port(monkeypatch, ip, number, 2)
    with pytest.raises(OperatorFault, match=f"port {number}/udp: Address already in use"):
        open_port(monkeypatch, ip, number, 2)
    ours.close()


@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0"])
def test_one_socket_does_where_a_port_cannot_be_shared(monkeypatch, ip):
    bound = forward._bound

    def refuse(family, address, *options):
        if socket.SO_REUSEPORT in options:
            raise OSError(errno.ENOPROTOOPT, "not here")
        return bound(family, address, *options)

    monkeypatch.setattr(forward, "_bound", refuse)
    port = open_port(monkeypatch, ip, 0, 4)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(MEDIA, ("127.0.0.1", port.port))
        fd = port.fds()[0][0]
        assert select.select([fd], [], [], PATIENCE)[0]
        opened = port.drain(fd, 0)
    assert [loop for _, loop in opened or port.fds()] == [0]
    port.close()
