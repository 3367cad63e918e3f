"""Dispatch: every check in its order, every error as an error object, ids kept, nothing escapes."""

import json
from pathlib import Path

import pytest

from crs.errors import NotFound
from crs.handlers.dispatch import Command, Dispatcher
from crs.wire import vocabulary

FOLDER = Path(__file__).with_name("requests")


class Someone:
    state, kind = "registered", "client"


def echo(services, caller, params, now):
    return vocabulary.Posted(params.id, "acme", now)


def fail(services, caller, params, now):
    raise NotFound("nobody", uri="+46")


def burst(services, caller, params, now):
    raise RuntimeError("secret text")


def row(handler, states=("registered",)):
    return Command(handler, vocabulary.Post, vocabulary.Posted, frozenset(states), frozenset({"client"}), "")


COMMANDS = {
    "echo": row(echo),
    "fail": row(fail),
    "burst": row(burst),
    "early": row(echo, ("negotiated",)),
    "admin": row(echo)._replace(kinds=frozenset({"admin"})),
}
GOOD = {"id": "m1", "to": "+46700000001", "body": ""}


def ask(message) -> dict | list | None:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    reply = Dispatcher(COMMANDS, None, lambda: 7).answer(Someone(), data)
    return reply if reply is None else json.loads(reply)


def request(method="echo", params=GOOD, **more):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **more}


def test_a_result_carries_the_id_of_its_request():
    for identity in (1, "x", None, 1.5, "", -3):
        assert ask(request(id=identity)) == {
            "jsonrpc": "2.0",
            "id": identity,
            "result": {"id": "m1", "account": "acme", "time": 7},
        }


def test_a_notification_is_carried_out_without_an_answer():
    message = request()
    del message["id"]
    assert ask(message) is None
    assert ask({**message, "method": "fail"}) is None
    assert ask({**message, "method": "no-such-method"}) is None


@pytest.mark.parametrize(
    "method, word, code",
    [
        ("nothing", "method-not-found", -32601),
        ("admin", "denied", 403),
        ("early", "not-registered", 403),
        ("fail", "not-found", 404),
        ("burst", "internal", -32603),
    ],
)
def test_errors(method, word, code):
    error = ask(request(method))["error"]
    assert (error["code"], error["data"]["error"]) == (code, word)
    assert "secret" not in json.dumps(error)


def test_the_method_is_checked_before_the_parameters():
    assert ask(request("early", {"wrong": 1}))["error"]["data"]["error"] == "not-registered"


def test_batch():
    silent = request("echo")
    del silent["id"]
    answers = ask([request(id=1), silent, request("fail", id=2), 5])
    assert [answer["id"] for answer in answers] == [1, 2, None]
    assert answers[2]["error"]["code"] == -32600
    assert ask([silent]) is None
    assert ask([])["error"]["code"] == -32600
    assert ask([request()] * 51)["error"]["code"] == -32600
    assert ask(b"[1,")["error"]["code"] == -32700


def test_a_small_batch_does_not_make_an_answer_without_bound():
    long = {
        **COMMANDS,
        "echo": row(lambda services, caller, params, now: vocabulary.Posted("x" * 300_000, "acme", now)),
    }
    reply = json.loads(
        Dispatcher(long, None, lambda: 7).answer(
            Someone(), json.dumps([request(id=number) for number in range(50)]).encode()
        )
    )
    assert [answer["id"] for answer in reply] == list(range(50))
    assert ["result" in answer for answer in reply] == [True] * 2 + [False] * 48
    assert {answer["error"]["data"]["error"] for answer in reply[2:]} == {"too-large"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.stem)
def test_broken_requests(path):
    """Each file holds the bytes of one message; beside it stands the error (code, id) or ``ok``."""
    expected = path.with_suffix(".out").read_text().split()
    reply = ask(path.read_bytes())
    if expected == ["ok"]:
        assert "result" in reply, reply
    else:
        assert (str(reply["error"]["code"]), json.dumps(reply["id"])) == (expected[0], expected[1]), reply
        assert reply["error"]["message"] and reply["error"]["data"]["error"]
