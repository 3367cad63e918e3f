"""After lost wake-ups the directory and the connections agree, and clients hear what they may have missed."""

import mock
import pytest

from crs.names import Client
from crs.service.connection import Connection, Connections
from crs.store.directory import Entry
from crs.upkeep.reconciling import Reconciling

ALICE = Client("+46701234567", "acme")


@pytest.fixture
def worker():
    made = mock.Mock(connections=Connections("0.b"))
    made.name = "attach:0"
    made.mailbox.waiting.return_value = 0
    made.calls.states_of.return_value = []
    return made


@pytest.fixture
def connection(worker):
    opened = worker.connections.open("192.0.2.1", 1)
    opened.client, opened.kind, opened.device_id, opened.transport = ALICE, "client", "phone", mock.Mock()
    for state in ("authenticated", "negotiated", "registered"):
        opened.advance(state)
    return opened


def entry(connection: Connection) -> Entry:
    return Entry("phone", "primary", "attach:0", connection.id, 1, "", "192.0.2.1", 1, "crs1")


def test_entries_without_a_connection_go(worker, connection):
    worker.directory.lookup.return_value = [entry(connection)]
    worker.directory.entries_of.return_value = [
        (ALICE, "phone", connection.id),
        (ALICE, "phone", "0.a.1"),
        (ALICE, "tablet", connection.id),
    ]
    Reconciling(worker).reconcile()
    assert [call.args for call in worker.directory.unregister.call_args_list] == [
        (ALICE, "phone", "0.a.1"),
        (ALICE, "tablet", connection.id),
    ]


def test_a_lost_entry_is_put_back(worker, connection):
    worker.directory.entries_of.return_value, worker.directory.lookup.return_value = [], []
    Reconciling(worker).reconcile()
    worker.registrar.renew.assert_called_once_with(connection)


def test_what_waits_is_told_again(worker, connection):
    worker.directory.entries_of.return_value, worker.directory.lookup.return_value = [], [entry(connection)]
    worker.mailbox.waiting.return_value = 3
    Reconciling(worker).reconcile()
    (said,) = [call.args[0] for call in connection.transport.send.call_args_list]
    assert b'"message.waiting"' in said and b'"waiting":3' in said


def test_what_a_dead_worker_left_goes_and_what_lives_stays(worker, connection):
    worker.directory.entries_of.return_value = [(ALICE, "phone", connection.id), (ALICE, "phone", "0.a.1")]
    Reconciling(worker).drop_predecessor()
    worker.directory.unregister.assert_called_once_with(ALICE, "phone", "0.a.1")


def test_all_look_again_after_each_connection_but_the_first(worker):
    reconciling = Reconciling(worker)
    for connects, asked in ((1, 0), (2, 1), (2, 1), (3, 2)):
        worker.store.high.connects = connects
        reconciling.watch_hints()
        assert worker.directory.look_again.call_count == asked
