"""Delivery: items in their order or a hint, and each message counted as delivered once."""

import mock
import pytest

from crs.names import Client
from crs.service.connection import Connection
from crs.service.delivery import MAX_CARRIED, Delivery
from crs.service.events import Events
from crs.store.directory import Directory
from crs.store.items import Draft, Receipt
from crs.store.mailbox import Mailbox
from crs.store.wakeups import Mail, Notify

ALICE, BOB = Client("+46701234567", "acme"), Client("+46707654321", "beta")


@pytest.fixture
def delivery():
    parts = (mock.create_autospec(part, instance=True) for part in (Directory, Mailbox, Events))
    made = Delivery(*parts)
    made._events.tracer = mock.Mock()
    return made


def device(given: int, deliver: bool = True) -> Connection:
    connection = Connection("0.1", "192.0.2.1", 1)
    connection.client, connection.kind, connection.transport = BOB, "client", mock.Mock()
    connection.deliver, connection.given = deliver, given
    return connection


def said(connection: Connection) -> list[bytes]:
    return [call.args[0] for call in connection.transport.send.call_args_list]


def mail(before: int, seq: int, kind: str = "content") -> Mail:
    return Mail(before, seq, 1, kind, ALICE.uri, ALICE.account, f"m{seq}", b'{"seq":%d}' % seq)


def published(delivery: Delivery) -> Mail | Notify:
    (receiver, wakeup), _ = delivery._directory.hint.call_args
    assert receiver == BOB
    return wakeup


def test_an_item_is_handed_on_where_all_before_it_was_given(delivery):
    phone = device(given=6)
    delivery.deliver(phone, mail(6, 7))
    assert said(phone) == [
        b'{"jsonrpc":"2.0","method":"message.arrived","params":{"messages":[{"seq":7}],"waiting":1}}'
    ]
    assert phone.given == 7


@pytest.mark.parametrize("given, deliver", [(5, True), (-1, True), (6, False)])
def test_else_the_device_is_told_to_fetch(delivery, given, deliver):
    phone = device(given, deliver)
    delivery.deliver(phone, mail(6, 7))
    assert b'"message.waiting"' in said(phone)[0]
    assert phone.given == given


def test_what_was_given_already_is_not_told_again(delivery):
    phone = device(given=7)
    delivery.deliver(phone, mail(5, 6))
    assert said(phone) == []


def draft(body: str) -> Draft:
    return Draft(BOB, ALICE, "m7", "content", 1_000, body)


def test_a_short_item_travels_and_a_long_one_is_fetched(delivery):
    receipt = Receipt(True, 1, 1, 7, 6)
    delivery.announce(draft("hello"), receipt)
    assert published(delivery).seq == 7 and b'"hello"' in published(delivery).item
    delivery.announce(draft("x" * (MAX_CARRIED + 1)), receipt)
    assert b'"message.waiting"' in published(delivery).payload


def test_a_retry_is_a_hint_only(delivery):
    delivery.announce(draft("hello"), Receipt(False, 1, 1, 0, 0))
    assert b'"message.waiting"' in published(delivery).payload


def test_the_store_says_whose_delivery_was_the_first(delivery):
    for phone in (device(given=6), device(given=6)):
        delivery.deliver(phone, mail(6, 7))
    delivery._mailbox.shown.return_value = [True, False]
    delivery.count_delivered()
    delivery._mailbox.shown.assert_called_once_with([(BOB, 7), (BOB, 7)])
    delivery._events.message.assert_called_once_with(ALICE, BOB, "delivered", "m7")


def test_reports_are_no_deliveries(delivery):
    delivery.deliver(device(given=6), mail(6, 7, "ack"))
    delivery.deliver(device(given=7), mail(7, 8))
    delivery._mailbox.shown.return_value = [True]
    delivery.count_delivered()
    delivery._mailbox.shown.assert_called_once_with([(BOB, 8)])
