"""What other workers publish reaches whom it is for; what is not understood does no harm."""

import mock
import pytest

from crs.service.connection import Connections
from crs.service.delivery import Delivery
from crs.service.listening import Listening
from crs.store import wakeups
from crs.store.wakeups import Lost, Mail, Notify, RecordsChanged


@pytest.fixture
def listening():
    worker = mock.Mock(connections=Connections("0.b"), delivery=mock.create_autospec(Delivery, instance=True))
    return Listening(worker, mock.Mock(), mock.Mock(), mock.Mock())


def message(addressee: str, wakeup: wakeups.Wakeup) -> bytes:
    return addressee.encode() + b"\n" + wakeups.encode(wakeup)


def test_a_notification_goes_to_its_connection(listening):
    connection = listening._worker.connections.open("192.0.2.1", 1)
    connection.transport = mock.Mock()
    listening.take(message(connection.id, Notify(b'{"method":"x"}')))
    connection.transport.send.assert_called_once_with(b'{"method":"x"}')


def test_an_item_is_delivered(listening):
    connection = listening._worker.connections.open("192.0.2.1", 1)
    mail = Mail(6, 7, 1, "content", "+46701234567", "acme", "m7", b"{}")
    listening.take(message(connection.id, mail))
    listening._worker.delivery.deliver.assert_called_once_with(connection, mail)


def test_a_connection_that_has_ended_finds_the_facts_by_itself(listening):
    listening.take(message("0.b.9", Notify(b"{}")))


def test_what_is_for_all_workers_is_done(listening):
    listening.take(message(wakeups.ALL, RecordsChanged()))
    listening._changed.assert_called_once_with()
    listening.take(message(wakeups.ALL, Lost()))
    listening._lost.assert_called_once_with()


@pytest.mark.parametrize("broken", [b"", b"x", b"0.b.1\n[9]\n", b'0.b.1\n["mail"]\n'])
def test_what_is_not_understood_is_passed_over(listening, broken):
    listening.take(broken)
    listening._worker.delivery.deliver.assert_not_called()
