"""The control protocol, line by line, without a socket."""

import json

import pytest

from crs.relay.control import MAX_LINE, Commander, Control
from crs.relay.conversation import ConversationTable

LEGS = [{"ufrag": "anna", "pwd": "a" * 24}, {"ufrag": "ben5", "pwd": "b" * 24}]


@pytest.fixture
def control():
    return Control(ConversationTable({"RTP": 1}, 90_000), "0123", [("192.0.2.1", 146)], lambda: 1_795_000_000_000)


def ask(control, op, now=0, **params):
    commander = Commander(1)
    assert commander.feed(json.dumps({"v": 1, "id": 7, "op": op, **params}).encode() + b"\n", control, now)
    answer = json.loads(commander.unsent)
    assert answer.pop("v") == 1 and answer.pop("id") == 7
    return answer


def test_hello_tells_who_and_where(control):
    assert ask(control, "hello", client="attach:0") == {
        "ok": True,
        "version": 1,
        "started": 1_795_000_000_000,
        "instance": "0123",
        "addresses": [{"ip": "192.0.2.1", "port": 146}],
    }


def test_a_conversation_is_added_polled_listed_and_removed(control):
    assert ask(control, "add", conversation="c1", kind="RTP", legs=LEGS, identifiers=["+46701234567"]) == {"ok": True}
    assert ask(control, "add", conversation="c1", kind="RTP", legs=LEGS) == {"ok": True}
    assert ask(control, "poll", conversations=["c1", "c2"]) == {"ok": True, "unknown": ["c2"]}
    (row,) = ask(control, "list")["rows"]
    assert row.pop("last_active") == 1_795_000_000_000
    assert row == {"conversation": "c1", "type": "RTP", "nodes": 0, "identifiers": ["+46701234567"]}
    assert ask(control, "remove", conversation="c1") == {"ok": True, "removed": True}
    assert ask(control, "remove", conversation="c1") == {"ok": True, "removed": False}


def test_refusals_have_a_word(control):
    assert ask(control, "add", conversation="c1", kind="RTP", legs=LEGS)["ok"]
    assert ask(control, "add", conversation="c1", kind="OPAQUE", legs=LEGS)["error"] == "conflict"
    others = [{"ufrag": "carl", "pwd": "a" * 24}, {"ufrag": "dora", "pwd": "b" * 24}]
    refusal = ask(control, "add", conversation="c2", kind="RTP", legs=others)
    assert refusal == {"ok": False, "error": "limit", "text": "1 RTP relays exist, the limit in crs-relay.conf"}


@pytest.mark.parametrize(
    "line, word, says",
    [
        (b"nonsense", "bad-request", "malformed"),
        (b"[]", "bad-request", "object"),
        (b"\xff\xfe", "bad-request", ""),
        (b'{"id": 7, "op": "stats"}', "bad-request", "`v`"),
        (b'{"v": 2, "id": 7, "op": "stats"}', "version", "version 1"),
        (b'{"v": 1, "id": 7, "op": "destroy"}', "unknown-op", "hello, add"),
        (b'{"v": 1, "id": 7, "op": "poll"}', "bad-request", "`conversations`"),
        (b'{"v": 1, "id": 7, "op": "poll", "conversations": [1]}', "bad-request", "str"),
        (b'{"v": 1, "id": 7, "op": "add", "conversation": "c", "kind": "TURN", "legs": []}', "bad-request", "TURN"),
        (b'{"v": 1, "id": 7, "op": "add", "conversation": "c", "kind": "RTP", "legs": []}', "bad-request", "2 legs"),
        (
            b'{"v": 1, "id": 7, "op": "add", "conversation": "c", "kind": "RTP", "legs": [{"ufrag": "a:bc", "pwd": "'
            + b"p" * 24
            + b'"}]}',
            "bad-request",
            "ufrag",
        ),
        (
            b'{"v": 1, "id": 7, "op": "add", "conversation": "c", "kind": "RTP", "legs": [{"ufrag": "abcd", "pwd": '
            b'"p"}]}',
            "bad-request",
            "pwd",
        ),
    ],
)
def test_bad_lines_are_told_and_change_nothing(control, line, word, says):
    commander = Commander(1)
    assert commander.feed(line + b"\n" + b'{"v":1,"id":8,"op":"list"}\n', control, 0)
    refusal, listed = map(json.loads, commander.unsent.splitlines())
    assert (refusal["ok"], refusal["error"]) == (False, word)
    assert says in refusal["text"]
    assert (listed["id"], listed["rows"]) == (8, [])


def test_lines_may_come_in_any_pieces(control):
    commander = Commander(1)
    for byte in b'\n{"v":1,"id":1,"op":"list"}\r\n{"v":1,"id":2,"op":"list"}\n':
        assert commander.feed(bytes([byte]), control, 0)
    assert [json.loads(line)["id"] for line in commander.unsent.splitlines()] == [1, 2]


def test_a_line_without_end_is_not_kept(control):
    assert Commander(1).feed(b" " * MAX_LINE, control, 0)
    assert not Commander(1).feed(b" " * (MAX_LINE + 1), control, 0)
    assert not Commander(1).feed(b" " * (MAX_LINE + 1) + b"\n", control, 0)


def test_a_long_list_comes_in_pages(control):
    control.table.limits = {}
    for number in range(1_200):
        legs = [{"ufrag": f"{side}{number:05}", "pwd": "p" * 24} for side in "ab"]
        assert ask(control, "add", conversation=f"c{number}", kind="OPAQUE", legs=legs)["ok"]
    names, after = [], 0
    while after is not None:
        page = ask(control, "list", after=after)
        names += [row["conversation"] for row in page["rows"]]
        after = page["next"]
    assert names == [f"c{number}" for number in range(1_200)]


def test_statistics_have_the_names_of_the_manual(control):
    stats = ask(control, "stats")["stats"]
    assert list(stats["RTP"]) == ["rx", "rxBytes", "tx", "txBytes"]
    assert list(stats["Sent"]) == ["packets", "bytes", "errorNoDest", "error"]
    assert list(stats["Received"]) == ["packets", "bytes", "errorTooShort", "errorTooLong"]
