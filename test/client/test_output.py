"""What is printed, and what is typed."""

import io
import json
import os
import string

import gevent
import pytest

from crs.client.lines import lines
from crs.client.main import main
from crs.client.output import EVENTS, Output


def printed(as_json: bool, event: str, **members) -> str:
    stream = io.StringIO()
    Output(as_json, stream).tell(event, **members)
    return stream.getvalue()


def test_people_read_a_sentence_and_programs_json():
    members = {"peer": "+46701234567@acme", "text": "hello", "id": "m1", "time": 7}
    assert printed(False, "message", **members) == "+46701234567@acme: hello\n"
    assert json.loads(printed(True, "message", **members)) == {"event": "message", **members}


def test_what_others_write_cannot_command_the_terminal_nor_pass_for_an_event():
    shown = printed(False, "message", peer="+46701234567@acme", text="\x1b[2J\x07\r\u202eåäö\nattached to crs1")
    assert shown == "+46701234567@acme: \\x1b[2J\\x07\\r\\u202eåäö\n    attached to crs1\n"
    assert json.loads(printed(True, "message", peer="p", text="\x1b[2J"))["text"] == "\x1b[2J"


@pytest.mark.parametrize("event", EVENTS)
def test_every_sentence_is_complete(event):
    names = [name for _, name, _, _ in string.Formatter().parse(EVENTS[event]) if name]
    assert "{" not in printed(False, event, **dict.fromkeys(names, "x"))


@pytest.mark.parametrize(
    "chunks, expected",
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\nt", b"wo"], ["one", "two"]),
        ([b"\n\n"], ["", ""]),
        ([], []),
        ([b"\xc3", b"\xa5\n", b"\xff\n"], ["å", "\ufffd"]),
    ],
)
def test_lines_come_whole_however_they_arrive(chunks, expected):
    reading, writing = os.pipe()

    def type_them():
        for chunk in chunks:
            os.write(writing, chunk)
            gevent.sleep(0.002)
        os.close(writing)

    typing = gevent.spawn(type_them)
    with gevent.Timeout(10):
        assert list(lines(reading)) == expected
    typing.get()
    os.close(reading)


@pytest.mark.parametrize("words", [[], ["a.json", "dance"], ["a.json", "call"], ["a.json", "--colour"]])
def test_what_is_not_understood_is_exit_2_with_the_usage(words, capsys):
    assert main(words) == 2
    assert "Usage:" in capsys.readouterr().err


def test_a_credential_that_is_not_there_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "none.json")]) == 1
    assert capsys.readouterr().err.startswith(f"crs-client: cannot read {tmp_path}/none.json")
