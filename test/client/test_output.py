"""Events as they are printed."""

import io
import json
import string

import pytest

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
