"""One connection as JSON-RPC: answers find their requests, errors become exceptions, an end reaches all who wait."""

import gevent
import mock
import pytest

from crs import errors
from crs.client.rpc import NOT_JSON_RPC, LinkLost, RpcLink, content, fault
from crs.net.websocket import Closed, WebSocket
from crs.wire.vocabulary import ErrorObject, Nothing


@pytest.fixture
def websocket():
    return mock.create_autospec(WebSocket, instance=True)


@pytest.fixture
def hear():
    return mock.Mock()


@pytest.fixture
def link(websocket, hear):
    return RpcLink(websocket, hear)


def receives(websocket, *messages) -> None:
    """These arrive, then the peer closes."""
    websocket.receive.side_effect = [*messages, Closed(1001, "bye", True)]


def test_answers_find_their_requests_in_any_order(link, websocket):
    first, second = link.request("a", Nothing()), link.request("b", Nothing())
    receives(websocket, b'{"id":2,"result":{"b":1}}', b'{"id":1,"result":null}', b'{"id":9,"result":1}')
    link.pump(until=first)
    assert (content(second), content(first)) == (b'{"b":1}', b"null")
    assert [b'"id":1' in call.args[0] for call in websocket.send.call_args_list] == [True, False]


def test_notifications_are_passed_on_as_they_are(link, websocket, hear):
    receives(websocket, b'{"jsonrpc":"2.0","method":"m","params":{"x":1}}')
    with pytest.raises(LinkLost, match="closed with 1001 bye"):
        link.pump()
    ((method, params),) = [call.args for call in hear.call_args_list]
    assert (method, bytes(params)) == ("m", b'{"x":1}')


def test_an_error_object_is_raised_as_the_class_of_its_word(link, websocket):
    answer = link.request("a", Nothing())
    receives(websocket, b'{"id":1,"error":{"code":404,"message":"nobody","data":{"error":"not-found","uri":"+46"}}}')
    link.pump(until=answer)
    with pytest.raises(errors.NotFound, match="nobody") as told:
        content(answer)
    assert told.value.details == {"uri": "+46"}


@pytest.mark.parametrize("retry, kind", [(True, errors.WorldFault), (False, errors.ClientFault)])
def test_an_unknown_word_is_a_fault_of_the_server_if_it_may_be_repeated(retry, kind):
    error = fault(ErrorObject(499, "what?", {"error": "newer", "retry": retry}))
    assert type(error) is kind and (error.code, error.error, error.retry) == (499, "newer", retry)


@pytest.mark.parametrize("end", [Closed(1008, "blacklisted", True), OSError("reset")])
def test_an_end_reaches_all_who_wait_and_later_requests(link, websocket, end):
    waiting = [link.request("a", Nothing()) for _ in range(2)]
    websocket.receive.side_effect = end
    with pytest.raises(LinkLost):
        link.pump()
    for answer in (*waiting, link.request("b", Nothing())):
        with pytest.raises(LinkLost):
            content(answer)


def test_what_is_not_json_rpc_closes_the_connection(link, websocket):
    receives(websocket, b"hello?")
    with pytest.raises(LinkLost, match="not JSON-RPC"):
        link.pump()
    websocket.close.assert_called_once_with(NOT_JSON_RPC, "not JSON-RPC")


def test_a_request_that_cannot_be_sent_is_lost(link, websocket):
    websocket.send.side_effect = OSError("broken pipe")
    with pytest.raises(LinkLost, match="broken pipe"):
        content(link.request("a", Nothing()))


def test_an_answer_is_waited_for_no_longer_than_asked(link):
    with pytest.raises(gevent.Timeout):
        content(link.request("a", Nothing()), 0.01)
