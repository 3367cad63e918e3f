"""Wake-ups as bytes: what is encoded comes back, the pushed text as it was, and nothing else is taken for a wake-up."""

import pytest

from crs.store import wakeups
from crs.store.wakeups import Dismiss, Look, Lost, Mail, Notify, RecordsChanged

ITEM = '{"body":"å",\n"more":[1,2]}'.encode()
TO_CONNECTION = (
    Notify(ITEM),
    Notify(b""),
    Mail(1_764_000_000_000, 1_764_000_000_001, 3, "content", "+46701111111", "acme", "an\nid å", ITEM),
    Dismiss(1_764_000_000_000, "replaced"),
)


@pytest.mark.parametrize("wakeup", TO_CONNECTION, ids=lambda wakeup: type(wakeup).__name__)
def test_a_wakeup_for_a_connection_comes_back(wakeup):
    command, channel, message = wakeups.to_connection("crs1", "attach:0", "crs1.7", wakeup)
    assert (command, channel) == ("PUBLISH", "wake:crs1:attach:0")
    assert wakeups.decode(message) == ("crs1.7", wakeup)
    assert message == b"crs1.7\n" + wakeups.encode(wakeup)


@pytest.mark.parametrize("wakeup", [Lost(), Look(), RecordsChanged()], ids=lambda wakeup: type(wakeup).__name__)
def test_a_wakeup_for_all_comes_back(wakeup):
    command, channel, message = wakeups.to_all(wakeup)
    assert (command, channel) == ("PUBLISH", "reload")
    assert wakeups.decode(message) == (wakeups.ALL, wakeup)


def test_the_text_to_be_pushed_is_never_parsed():
    text = b'{"not": JSON at all \xff\x00'
    for wakeup in (Notify(text), Mail(0, 1, 1, "content", "u", "a", "i", text)):
        assert wakeups.encode(wakeup).endswith(b"\n" + text)
        assert wakeups.decode(b"c\n" + wakeups.encode(wakeup)) == ("c", wakeup)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"crs1.7",
        b"crs1.7\n{}",
        b'c\n["none"]\n',
        b'c\n["mail",1]\n',
        b'c\n["dismiss","x","y"]\n',
        b"c\nx\n",
        b"\xff\n\n",
    ],
)
def test_anything_else_is_refused(message):
    with pytest.raises(ValueError):
        wakeups.decode(message)
