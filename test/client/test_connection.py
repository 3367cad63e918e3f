"""A connection through everything that can happen to its server (``scripted``)."""

import random

import gevent
import pytest
from gevent import socket

from crs import errors
from crs.client import connection
from crs.client.addresses import AddressCycle
from crs.client.connection import ClientConnection
from crs.net import websocket
from crs.wire.vocabulary import Ack, Acked, Nothing, Post, Posted, SessionList
from test.client.patience import PATIENCE, wait_until
from test.client.scripted import GOOD, OLD, ScriptedServer

POST = Post("m1", "+46701234567", "body")


@pytest.fixture
def server():
    script = ScriptedServer()
    yield script
    script.close()


@pytest.fixture
def attach(server, monkeypatch):
    """``attach(*addresses, **options)``: a client, started; closed afterwards."""
    monkeypatch.setattr("crs.client.addresses.FIRST_PAUSE", 0.02)
    begun = []

    def begin(*addresses, keys=(GOOD,), **options):
        cycle = AddressCycle(list(addresses) or [server.open()], lambda now: list(keys))
        begun.append(ClientConnection(cycle, "phone", random=random.Random(1), **options).start())
        return begun[-1]

    yield begin
    for client in begun:
        client.close()


def test_a_client_registers_and_calls(server, attach):
    client = attach()
    assert client.wait_registered(PATIENCE).worker == "attach:0"
    assert client.call("message.post", POST, Posted) == Posted("m1", "acme", 1)
    greeting = server.params("register")[0]
    assert (greeting["device_id"], greeting["type"]) == ("phone", "primary")


def test_calls_of_many_greenlets_get_their_own_answers(server, attach):
    client = attach()
    posts = [
        gevent.spawn(client.call, "message.post", Post(f"m{number}", "+46701234567", ""), Posted)
        for number in range(100)
    ]
    gevent.joinall(posts, raise_error=True, timeout=PATIENCE)
    assert [post.value.id for post in posts] == [f"m{number}" for number in range(100)]


def test_a_killed_server_is_come_back_to_without_being_asked(server, attach):
    client = attach()
    for attaches in range(1, 4):
        wait_until(lambda count=attaches: client.attaches == count and client.registered)
        server.cut()
    wait_until(lambda: client.attaches == 4)


def test_a_request_that_was_not_answered_is_made_again_with_the_same_id(server, attach):
    client = attach()
    client.wait_registered(PATIENCE)

    def die(params):
        server.methods["message.post"] = lambda params: {"id": params["id"], "account": "acme", "time": 7}
        server.cut()

    server.methods["message.post"] = die
    assert client.call("message.post", POST, Posted).time == 7
    assert [params["id"] for params in server.params("message.post")] == ["m1", "m1"]


def test_a_call_waits_for_a_server_that_is_down(server, attach):
    address = server.open()
    client = attach(address)
    client.wait_registered(PATIENCE)
    server.close()
    call = gevent.spawn(client.call, "message.post", POST, Posted)
    wait_until(lambda: client.last_error and "refused" in client.last_error)
    server.open(address[1])
    assert call.get(timeout=PATIENCE).id == "m1"


def test_a_call_gives_up_when_its_time_is_over(attach):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = attach(taken.getsockname())
        with pytest.raises(errors.Unavailable, match="not attached within .* s: .*refused"):
            client.call("message.post", POST, Posted, timeout=0.2)


def test_an_answer_that_never_comes_is_told(server, attach):
    server.methods["message.post"] = lambda params: None
    client = attach()
    client.wait_registered(PATIENCE)
    with pytest.raises(errors.Unavailable, match="message.post: no answer within 0.1 s"):
        client.call("message.post", POST, Posted, timeout=0.1)
    assert client.attaches == 1, "the time of the caller is no reason to leave"


def test_a_connection_that_does_not_answer_is_given_up(server, attach, monkeypatch):
    monkeypatch.setattr(connection, "TRY_TIMEOUT", 0.1)
    monkeypatch.setattr(websocket, "CLOSING_TIME", 0.05)
    answers = iter([None, {"id": "m1", "account": "acme", "time": 7}])
    server.methods["message.post"] = lambda params: next(answers)
    assert attach().call("message.post", POST, Posted).time == 7


def test_a_server_in_trouble_is_asked_again_and_a_wrong_request_is_not(server, attach):
    answers = iter([errors.Unavailable("redis is down"), errors.Busy(""), {"id": "m1", "account": "acme", "time": 7}])
    server.methods["message.post"] = lambda params: next(answers)
    client = attach()
    assert client.call("message.post", POST, Posted).time == 7
    server.methods["message.post"] = lambda params: errors.QuotaExceeded("the mailbox is full", limit=3)
    with pytest.raises(errors.QuotaExceeded, match="the mailbox is full") as told:
        client.call("message.post", POST, Posted)
    assert told.value.details == {"limit": 3} and len(server.params("message.post")) == 4


def test_trouble_that_lasts_is_told_as_it_is(server, attach):
    server.methods["message.ack"] = lambda params: errors.Unavailable("redis is down")
    client = attach()
    client.wait_registered(PATIENCE)
    with pytest.raises(errors.Unavailable, match="redis is down"):
        client.call("message.ack", Ack(["r"]), Acked, timeout=1)
    assert len(server.params("message.ack")) > 1


def test_a_server_that_forgot_the_registration_is_told_again(server, attach):
    answers = iter([errors.NotRegistered(""), {"sessions": []}])
    server.methods["session.list"] = lambda params: next(answers)
    client = attach()
    assert client.call("session.list", Nothing(), SessionList).sessions == []
    assert client.attaches == 2


def test_an_error_of_a_later_release_keeps_its_code_and_word(server, attach):
    class Newer(errors.ClientFault):
        code, error = 499, "newer"

    server.methods["session.list"] = lambda params: Newer("what is this?")
    with pytest.raises(errors.ClientFault) as told:
        attach().call("session.list")
    assert (told.value.code, told.value.error, told.value.retry) == (499, "newer", False)


def test_the_next_address_is_tried_when_one_is_dead(server, attach):
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        client = attach(dead.getsockname(), server.open())
        assert client.wait_registered(PATIENCE)


def test_the_next_key_is_tried_when_one_is_refused(server, attach):
    server.keys = dict([OLD])
    client = attach(keys=(GOOD, OLD))
    assert client.wait_registered(PATIENCE)
    server.keys = dict([GOOD])
    server.cut()
    wait_until(lambda: client.attaches == 2)


def test_a_refused_key_alone_says_so(server, attach):
    client = attach(keys=(OLD,))
    with pytest.raises(errors.Unavailable, match="not attached within 0.3 s: "):
        client.wait_registered(0.3)


def test_the_avoided_worker_is_left_for_another(server, attach):
    server.workers = ["attach:0", "attach:0", "attach:1"]
    client = attach(avoid_worker="attach:0")
    assert client.wait_registered(PATIENCE).worker == "attach:1"
    assert len(server.params("register")) == 3 and client.attaches == 1


def test_where_only_the_avoided_worker_is_that_is_told(server, attach):
    client = attach(avoid_worker="attach:0")
    wait_until(lambda: client.last_error)
    assert client.last_error == "no worker but attach:0 answers"


# --- what the server says unasked ---


def test_notifications_reach_those_who_hear_and_unknown_ones_nobody(server, attach):
    client = attach()
    heard = []
    client.hear("message.waiting", lambda params: heard.append(params.waiting))
    client.hear("registered", lambda params: heard.append(params.worker))
    client.wait_registered(PATIENCE)
    server.tell("something.newer", {"a": 1})
    server.tell("message.waiting", {"waiting": 3, "a_newer_member": True})
    wait_until(lambda: heard == ["attach:0", 3])


def test_a_hearer_that_fails_harms_nobody_else(server, attach, caplog):
    client = attach()
    heard = []
    client.hear("message.waiting", lambda params: 1 / 0)
    client.hear("message.waiting", heard.append)
    client.wait_registered(PATIENCE)
    server.tell("message.waiting", {"waiting": 1})
    wait_until(lambda: heard)
    assert client.attaches == 1 and "message.waiting" in caplog.text


@pytest.mark.parametrize("reason", ["replaced", "blacklisted", "account-deleted"])
def test_who_is_unwanted_stays_away(server, attach, reason):
    client = attach()
    client.wait_registered(PATIENCE)
    server.tell("unregistered", {"reason": reason})
    wait_until(lambda: client.ended)
    with pytest.raises(errors.NotRegistered, match=reason):
        client.call("message.post", POST, Posted)
    assert client.attaches == 1


@pytest.mark.parametrize("reason", ["purged", "month-expired"])
def test_who_is_only_unregistered_comes_back(server, attach, reason):
    client = attach()
    client.wait_registered(PATIENCE)
    server.tell("unregistered", {"reason": reason})
    wait_until(lambda: client.attaches == 2)


def test_asked_to_reconnect_a_client_moves_to_the_next_address(server, attach):
    client = attach(server.open(), server.open())
    client.wait_registered(PATIENCE)
    server.tell("reconnect", {"reason": "drain", "within": 50})
    wait_until(lambda: client.attaches == 2)
    assert client.call("message.post", POST, Posted).id == "m1"


def test_what_is_not_json_rpc_ends_the_connection_not_the_client(server, attach):
    client = attach()
    client.wait_registered(PATIENCE)
    server.connections[-1].send(b"hello?")
    wait_until(lambda: client.attaches == 2)


# --- keep-alive, and the end ---


def test_a_server_that_answers_pings_is_kept(server, attach, monkeypatch):
    monkeypatch.setattr(connection, "PONG_TIMEOUT", 0.05)
    client = attach(ping=0.05)
    client.wait_registered(PATIENCE)
    wait_until(
        lambda: (
            server.connections[-1].last_heard > client._link.last_heard - 1 and client._link._websocket.last_pong > 0
        )
    )
    assert client.attaches == 1


def test_a_server_that_does_not_is_left(server, attach, monkeypatch):
    monkeypatch.setattr(connection, "PONG_TIMEOUT", 0.05)
    monkeypatch.setattr(websocket, "CLOSING_TIME", 0.05)
    client = attach(ping=0.05)
    client.wait_registered(PATIENCE)
    server.methods["message.post"] = lambda params: gevent.sleep(PATIENCE)  # it hears nothing meanwhile
    with pytest.raises(errors.Unavailable):
        client.call("message.post", POST, Posted, timeout=0.01)
    wait_until(lambda: client.attaches == 2)


def test_closing_unregisters_and_nobody_comes_back(server, attach):
    client = attach()
    client.wait_registered(PATIENCE)
    client.close()
    assert server.params("unregister") == [{}]
    with pytest.raises(errors.NotRegistered, match="client closes"):
        client.call("message.post", POST, Posted)
    client.close()


def test_who_waits_is_told_when_the_client_closes(attach):
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        client = attach(dead.getsockname())
        waiting = gevent.spawn(client.call, "message.post", POST, Posted)
        gevent.sleep(0.01)
        client.close()
        with pytest.raises(errors.NotRegistered):
            waiting.get(timeout=PATIENCE)


def test_a_light_client_is_not_burdened_with_ciphers():
    import subprocess
    import sys

    code = (
        "import sys, crs.client.connection as c; "
        "print([m for m in sys.modules if m.split('.')[0] in ('pylibsrtp', 'joserfc', 'wave', 'docopt', 'redis')"
        " or m.startswith('crs.trust')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done
