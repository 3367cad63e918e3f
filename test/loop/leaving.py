"""What connections leave to the collector of cycles: one way to end them (the argument), the names of the types told.

A process of its own, as an attach worker takes all of Python over for gevent.
"""

import gc
import os
import socket
import sys
from contextlib import suppress
from types import SimpleNamespace

import gevent
from mock import MagicMock

from crs.loop.clock import wall_clock
from crs.modules.attach import Attach
from crs.net import tls, websocket
from crs.service.accounts import Month
from crs.service.worker import Worker
from crs.trust import identity, months

from ..hosts import wait_for
from ..net.peers import TIMEOUT, tcp_pair

URI, KEY = "+46701234567", bytes(range(32))
ASK = b'{"jsonrpc":"2.0","id":1,"method":"nothing"}'


def new_attach() -> Attach:
    conf = SimpleNamespace(
        name="crs1",
        ip="127.0.0.1",
        relay_port=1,
        update_grace=7,
        message_expiry=60,
        session_keep=60,
        attach_workers=1,
        max_request=262_144,
        control_rate=20,
        send_queue=1 << 20,
        send_timeout=TIMEOUT,
        upgrade_timeout=TIMEOUT,
        handshake_timeout=TIMEOUT,
        detach_cleanup_for=lambda *_: None,
        keep_alive_for=lambda *_: ("websocket", 60_000, 10_000),
    )
    worker = Worker(conf, 0, MagicMock(), None)
    month = months.of(wall_clock())
    worker.accounts.load(1, {"acme": {month: Month(1, KEY, "", (), (URI,))}}, worker.accounts.rules)
    return Attach(worker, socket.socket())


def client(attach: Attach):
    """A client's socket, and the greenlet that serves it."""
    server, mine = tcp_pair()
    return mine, gevent.spawn(attach.serve, server, server.getpeername())


def conversing(attach: Attach):
    """A client's WebSocket that was answered, and the greenlet that serves it."""
    sock, serving = client(attach)
    name = identity.client_identity("acme", months.of(wall_clock()), URI, KEY)
    link = websocket.client_upgrade(tls.connect(sock, name, identity.psk(KEY, name), TIMEOUT), "crs.example.org")
    link.send(ASK)
    assert b'"method-not-found"' in link.receive()
    return link, serving


def leaves(attach: Attach) -> None:
    link, serving = conversing(attach)
    link.close()
    see_off(link)
    serving.join(TIMEOUT)


def is_gone(attach: Attach) -> None:
    link, serving = conversing(attach)
    link._tls.abort()
    serving.join(TIMEOUT)


def is_closed_here(attach: Attach) -> None:
    link, serving = conversing(attach)
    attach.worker.connections.all()[0].transport.close(1008, "enough")
    see_off(link)
    serving.join(TIMEOUT)


def has_no_key(attach: Attach) -> None:
    sock, serving = client(attach)
    with suppress(tls.TlsError):
        tls.connect(sock, "c.acme.202611.unknown", os.urandom(32), TIMEOUT)
    serving.join(TIMEOUT)


def is_rude(attach: Attach) -> None:
    link, serving = conversing(attach)
    link._tls.sendall(b"\xff" * 20, TIMEOUT)
    see_off(link)
    serving.join(TIMEOUT)


def see_off(link: websocket.WebSocket) -> None:
    try:
        while True:
            link.receive()
    except websocket.Closed:
        pass


def main() -> None:
    attach, how = new_attach(), globals()[sys.argv[1]]
    how(attach)  # the first of a process also leaves what is made once
    wait_for(lambda: len(attach.worker.connections) == 0, "it has ended")
    gc.collect()
    gc.disable()
    for _ in range(3):
        how(attach)
    wait_for(lambda: len(attach.worker.connections) == 0, "all have ended")
    gevent.sleep(0.01)  # what ended greenlets leave to the loop
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    print(*sorted({f"{type(left).__module__}.{type(left).__qualname__}" for left in gc.garbage}))


if __name__ == "__main__":
    main()
