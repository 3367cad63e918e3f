"""Registration: the place of a device is taken once, and who loses it is told why."""

from types import SimpleNamespace

import mock
import pytest

from crs.errors import Busy, Conflict
from crs.loop.timers import Timers
from crs.names import Client
from crs.service.accounts import Accounts, Month
from crs.service.connection import Connection, Connections
from crs.service.events import Events
from crs.service.registration import Registrar
from crs.service.rules import Rules
from crs.store.directory import Directory, Entry
from crs.store.operator import Admin
from crs.wire.vocabulary import Register

ALICE = Client("+46701234567", "acme")
NOW = 1_764_000_000_000  # in 202511
PARAMS = Register("phone", "1.0")


@pytest.fixture
def registrar():
    accounts = Accounts(7, lambda: NOW)
    accounts.load(1, {"acme": {"202511": Month(1, bytes(32), "", (), (ALICE.uri,))}})
    directory, events, timers = (mock.create_autospec(part, instance=True) for part in (Directory, Events, Timers))
    directory.register.return_value = []
    conf = SimpleNamespace(name="crs1", detach_cleanup_for=lambda ip, client: 500)
    return Registrar(conf, "attach:0", Connections("0.b"), accounts, directory, events, timers)


@pytest.fixture
def connection(registrar):
    opened = registrar._connections.open("192.0.2.1", 4711)
    opened.client, opened.kind, opened.month, opened.transport = ALICE, "client", "202511", mock.Mock()
    for state in ("authenticated", "negotiated"):
        opened.advance(state)
    return opened


def said(connection: Connection) -> list[bytes]:
    return [call.args[0] for call in connection.transport.send.call_args_list]


def test_the_directory_learns_where_the_device_is(registrar, connection):
    registrar.enter(connection, PARAMS, NOW)
    registrar._directory.register.assert_called_once_with(
        ALICE,
        Entry("phone", "primary", "attach:0", connection.id, NOW, "1.0", "192.0.2.1", 4711, "crs1"),
        NOW,
    )
    assert (connection.state, connection.device_id, connection.given) == ("registered", "phone", -1)


def test_each_registration_is_later_than_the_one_before(registrar, connection):
    registrar.enter(connection, PARAMS, NOW)
    registrar.enter(connection, PARAMS, NOW - 5)  # the clock was set back
    assert connection.since == NOW + 1


def test_those_that_are_replaced_are_dismissed(registrar, connection):
    old = Entry("old", "primary", "attach:1", "1.b.7", NOW - 9, "1.0", "192.0.2.2", 1, "crs1")
    registrar._directory.register.return_value = [old]
    registrar.enter(connection, PARAMS, NOW)
    registrar._directory.dismiss.assert_called_once_with(old, "replaced")


def test_who_finds_no_place_is_as_before(registrar, connection):
    registrar._directory.register.side_effect = Busy("four secondary devices are registered")
    with pytest.raises(Busy):
        registrar.enter(connection, PARAMS, NOW)
    assert (connection.state, connection.device_id) == ("negotiated", "")


def test_a_quicker_registration_of_another_connection_wins(registrar, connection):
    def dismissed_meanwhile(*_):
        registrar.dismissed(connection, "replaced", connection.since)
        return []

    registrar._directory.register.side_effect = dismissed_meanwhile
    with pytest.raises(Conflict):
        registrar.enter(connection, PARAMS, NOW)
    assert connection.state == "negotiated"


def test_a_dismissal_is_told_and_cleaned_up_after(registrar, connection):
    registrar.enter(connection, PARAMS, NOW)
    registrar.dismissed(connection, "blacklisted")
    assert b'"unregistered"' in said(connection)[0] and b'"blacklisted"' in said(connection)[0]
    registrar._directory.unregister.assert_called_once_with(ALICE, "phone", connection.id)
    assert registrar._timers.after.call_args.args[0] == 500


def test_a_dismissal_that_comes_late_ends_no_later_registration(registrar, connection):
    registrar.enter(connection, PARAMS, NOW)
    since = connection.since
    registrar.enter(connection, PARAMS, NOW)
    registrar.dismissed(connection, "replaced", since)
    assert connection.state == "registered" and said(connection) == []


def test_an_entry_that_cannot_be_put_back_was_replaced(registrar, connection):
    registrar.enter(connection, PARAMS, NOW)
    registrar._directory.renew.return_value = False
    registrar.renew(connection)
    assert connection.state == "negotiated" and b'"replaced"' in said(connection)[0]


def test_a_key_is_good_while_its_month_is_loaded(registrar, connection):
    assert registrar.admits(connection)
    connection.month = "202509"
    assert not registrar.admits(connection)


def test_an_admin_that_was_made_anew_is_another_one(registrar, connection):
    registrar._accounts.load(2, {}, Rules(admins={"eve": Admin("secret", 7)}))
    connection.kind, connection.admin, connection.admin_since = "admin", "eve", 7
    assert registrar.admits(connection)
    connection.admin_since = 6
    assert not registrar.admits(connection)
