"""The operator's decisions and the calendar end connections that are open: the clock is an argument."""

from types import SimpleNamespace

import gevent
from mock import MagicMock

from crs.names import Client
from crs.service.accounts import Month
from crs.service.connection import Connection
from crs.service.worker import Worker
from crs.trust import months
from crs.upkeep.decisions import Decisions

ALICE = "+46701234567"


def test_a_month_that_runs_out_ends_its_connections():
    now = [months.end("202611")]
    conf = SimpleNamespace(
        name="crs1",
        ip="127.0.0.1",
        relay_port=1,
        update_grace=7,
        attach_workers=1,
        message_expiry=60,
        session_keep=60,
        detach_cleanup_for=lambda *_: None,
    )
    store = MagicMock()
    store.operator.version.return_value = 1
    worker = Worker(conf, 0, store, None, lambda: now[0])
    worker.accounts.load(1, {"acme": {month: Month(1, bytes(32), "", (), (ALICE,)) for month in ("202611", "202612")}})
    going, staying = (connected(worker, month) for month in ("202611", "202612"))
    decisions = Decisions(worker)
    now[0] += 7 * months.DAY - 1
    decisions.apply()
    gevent.sleep(0)
    assert (going.state, going.transport.close.called) == ("registered", False)
    now[0] += 1
    decisions.apply()
    gevent.sleep(0)
    assert b'"month-expired"' in going.transport.send.call_args.args[0]
    going.transport.close.assert_called_once_with(1008, "month-expired")
    assert (staying.state, staying.transport.close.called) == ("registered", False)


def connected(worker, month: str) -> Connection:
    """A registered connection that was made with the keys of ``month``."""
    connection = worker.connections.open("192.0.2.1", 1)
    connection.client, connection.month, connection.transport = Client(ALICE, "acme"), month, MagicMock()
    connection.kind, connection.device_id, connection.device_type = "client", "phone", "primary"
    for state in ("authenticated", "negotiated", "registered"):
        connection.advance(state)
    return connection
