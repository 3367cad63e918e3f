"""The thread of a further loop: how it ends."""

import os
import select
import socket
from types import SimpleNamespace

import pytest

from crs.relay.loop import FurtherLoop
from crs.relay.server import RelayServer


def test_what_kills_a_loop_ends_the_process():
    """Else a share of all flows would be lost, and nobody would know."""

    def drain(fd, now):
        raise ZeroDivisionError("a fault of ours")

    reading, writing = os.pipe()
    os.write(writing, b"!")
    port = SimpleNamespace(loops=2, table=None, lock=None, fds=lambda: [(reading, 1)], drain=drain, close=lambda: None)
    with socket.socket() as listener:
        server = RelayServer(port, None, listener, [])
        with pytest.raises(ZeroDivisionError):
            server.run()
        server.close()
    os.close(reading)
    os.close(writing)


def test_a_loop_ends_when_told_whatever_waits():
    loop = FurtherLoop(SimpleNamespace(drain=lambda fd, now: None), 1)
    reading, writing = os.pipe()
    os.write(writing, b"!")  # and nobody ever reads it
    loop.epoll.register(reading, select.EPOLLIN)
    loop.start()
    loop.end()
    assert not loop.is_alive()
    os.close(reading)
    os.close(writing)
