"""An attach worker: it accepts clients on its own listening socket; a greenlet serves each that has something to say.

From TCP to TLS to WebSocket to dispatch, and the start and end of the process. What is done between requests
(keep-alive, deadlines, heartbeats) is in ``crs/upkeep``.
"""

from gevent import monkey

monkey.patch_all()

import contextlib  # noqa: E402
import errno  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402

import gevent  # noqa: E402
import gevent.hub  # noqa: E402
from gevent.event import Event  # noqa: E402

from .. import log, names  # noqa: E402
from ..errors import Unavailable  # noqa: E402
from ..handlers import COMMANDS  # noqa: E402
from ..handlers.dispatch import Dispatcher  # noqa: E402
from ..loop import garbage, turns  # noqa: E402
from ..net import rest, tls, websocket  # noqa: E402
from ..net.websocket import WebSocket  # noqa: E402
from ..relay.client import RelayClient  # noqa: E402
from ..service.connection import Connection  # noqa: E402
from ..service.worker import Worker  # noqa: E402
from ..store import Store  # noqa: E402
from ..trust import months  # noqa: E402
from ..upkeep.tasks import Upkeep  # noqa: E402
from ..wire.vocabulary import Reconnect  # noqa: E402
from .start import Start  # noqa: E402

LOG = log.get("attach")
ACCEPTS_A_PASS = 8  # new connections taken before the others get their turn
DRAIN_SECONDS = 5
QUIET_REFUSALS = 20  # refused attaches logged in one second; the rest is counted
OUT_OF_MEANS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED)


class Attach:
    """The server half of a worker: connections come in here and end here."""

    def __init__(self, worker: Worker, listener: socket.socket):
        self.worker = worker
        self.listener = listener
        self.upkeep = Upkeep(worker)
        self.dispatcher = Dispatcher(COMMANDS, worker, worker.clock)
        self.context = tls.server_context(worker.accounts.find_key)
        self.limits = websocket.Limits(
            max_message=worker.conf.max_request,
            control_rate=worker.conf.control_rate,
            send_queue=worker.conf.send_queue,
            send_timeout_ms=worker.conf.send_timeout,
            upgrade_timeout_ms=worker.conf.upgrade_timeout,
        )
        self._refusals = (0, 0)  # the second, and how many in it

    def accept(self) -> None:
        """Take connections for ever. Out of file descriptors is waited out: those who are attached go on."""
        taken, admission = 0, turns.of(gevent.get_hub())
        while True:
            try:
                sock, address = self.listener.accept()
            except OSError as error:
                if error.errno not in OUT_OF_MEANS:
                    raise
                LOG.warn(f"accept: {error.strerror}; attached clients go on, new ones wait")
                gevent.sleep(0.2)
                continue
            rest.spawn(self.serve, sock, address)
            taken += 1
            if taken % ACCEPTS_A_PASS == 0:
                admission.take(shaking=True)

    def serve(self, sock: socket.socket, address: tuple[str, int]) -> None:
        """One client's connection, from TCP until it rests for the first time."""
        connection = self.worker.connections.open(names.plain_ip(address[0]), address[1])
        self.worker.events.connection(connection)
        link = transport = None
        try:
            link = tls.accept(self.context, sock, self.worker.conf.handshake_timeout)
            if self._authenticate(connection, link.identity):
                opened = websocket.upgrade(link, self.limits)
                self._enter(connection, "negotiated")
                self.upkeep.keep_alive.watch(connection, link.sock)
                connection.transport = transport = opened
        except (tls.TlsError, websocket.UpgradeError) as error:
            self._refused(f"{connection.ip}:{connection.port} {connection.state}: {error}")
        except OSError:
            pass
        finally:
            if transport is None:
                self._leave(connection)
                if link is not None:
                    link.close()
                else:
                    sock.close()
        if transport is not None:
            self._converse(connection, transport)

    def _authenticate(self, connection: Connection, identity: str) -> bool:
        accounts = self.worker.accounts
        admin, found = accounts.admin_of(identity), accounts.client_of(identity)
        if admin is not None:
            connection.admin, connection.kind = admin, "admin"
            connection.admin_since = accounts.rules.admins[admin].created
        elif found is not None:
            (connection.client, connection.month), connection.kind = found, "client"
        else:  # the month ran out, or the account or the admin went during the handshake
            return False
        for transport in self.worker.connections.admit(connection):
            gevent.spawn(transport.close, 1008, "too many connections")
        self._enter(connection, "authenticated")
        return True

    def _enter(self, connection: Connection, state: str) -> None:
        connection.advance(state)
        self.worker.events.connection(connection)

    def _converse(self, connection: Connection, transport: WebSocket) -> None:
        """Answer what has come. Then the connection rests, and this is called again; or it has ended."""
        rests = False
        try:
            while (message := transport.receive_or_rest(self._converse, connection, transport)) is not None:
                reply = self.dispatcher.answer(connection, message)
                if reply is not None:
                    transport.send(reply)
            rests = True
        except (websocket.Closed, OSError):
            pass
        finally:
            if not rests:
                self._leave(connection)
                transport.drop()

    def _leave(self, connection: Connection) -> None:
        worker = self.worker
        worker.connections.forget(connection)
        if connection.state == "registered":
            # where the store is down the upkeep drops the entry when it is back
            with contextlib.suppress(Unavailable):
                worker.directory.unregister(connection.client, connection.device_id, connection.id)
            worker.events.attach(connection, "unregistered", "connection closed")
        connection.advance("closed")
        worker.events.connection(connection)
        connection.transport = None

    def _refused(self, text: str) -> None:
        """Log a failed attach; under a flood only some each second, with the number of the others."""
        second = self.worker.clock() // 1000
        then, count = self._refusals
        if second != then:
            if count > QUIET_REFUSALS:
                LOG.info(f"attach refused: {count - QUIET_REFUSALS} more in that second")
            count = 0
        if count < QUIET_REFUSALS:
            LOG.info(f"attach refused: {text}")
            self.worker.events.debug(f"attach refused: {text}")
        self._refusals = (second, count + 1)

    def drain(self) -> None:
        """Ask all clients to attach elsewhere, paced over half of DRAIN_SECONDS, then close what is left."""
        connections = self.worker.connections.all()
        LOG.info(f"draining {len(connections)} connections")
        pause = DRAIN_SECONDS / 2 / max(1, len(connections))
        for connection in connections:
            if connection.state == "registered":
                connection.notify("reconnect", Reconnect("server-stopping", DRAIN_SECONDS * 500))
            gevent.sleep(pause)
        with contextlib.suppress(gevent.Timeout), gevent.Timeout(DRAIN_SECONDS / 2):
            while any(connection.state == "registered" for connection in self.worker.connections.all()):
                gevent.sleep(0.05)
        closers = [
            gevent.spawn(connection.transport.close, 1001, "server stopping")
            for connection in self.worker.connections.all()
            if connection.transport is not None
        ]
        gevent.joinall(closers, timeout=1)


def main(start: Start) -> int:
    """Run one attach worker until SIGTERM (drained) or until the supervisor is gone; returns the exit code."""
    conf = start.conf
    store = Store.open(start.home, conf.name, conf.device_expiry * months.DAY)
    relay = RelayClient(start.home.relay_sock, names.numbered(start.module, start.index))
    worker = Worker(conf, start.index, store, relay)
    attach = Attach(worker, socket.socket(fileno=start.listen_fd))
    ending, orphaned = Event(), Event()

    def orphan() -> None:
        orphaned.set()
        ending.set()

    gevent.spawn(start.watch_lifeline, orphan)
    gevent.hub.signal(signal.SIGTERM, ending.set)
    gevent.hub.signal(signal.SIGINT, ending.set)
    gevent.hub.signal(signal.SIGHUP, attach.upkeep.refresh_soon)
    beginning = gevent.spawn(attach.upkeep.begin)
    gevent.wait((beginning, ending), count=1)  # the store may never come, where the supervisor is gone
    if not ending.is_set():
        beginning.get()
        accepting = gevent.spawn(attach.accept)
        garbage.begin()
        LOG.init(f"{worker.name} started, TLS callbacks {tls.CALLBACKS}")
        start.ready()
        ending.wait()
        accepting.kill()
    attach.listener.close()
    if orphaned.is_set():
        LOG.warn(f"{worker.name} ends: the supervisor is gone")
    else:
        attach.drain()
        LOG.info(f"{worker.name} stopped")
    return 0
