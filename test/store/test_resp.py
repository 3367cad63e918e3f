"""RESP on a socket: replies come whole in whatever pieces they arrive, and a closed connection is an error."""

import hiredis
import pytest

from crs.errors import Unavailable
from crs.store import resp


class Pieces:
    """A socket that gives one piece each time, then its end."""

    def __init__(self, *pieces: bytes):
        self._pieces = list(pieces)

    def recv(self, size: int) -> bytes:
        return self._pieces.pop(0)[:size] if self._pieces else b""


def test_a_reply_comes_whole_and_the_next_stays_for_later():
    sock, reader = Pieces(b"$5\r\nhe", b"llo\r\n:7\r", b"\n"), hiredis.Reader()
    assert resp.reply(sock, reader) == b"hello"
    assert resp.reply(sock, reader) == 7
    with pytest.raises(ConnectionResetError, match="connection closed"):
        resp.reply(sock, reader)


def test_an_error_is_a_reply_but_no_message():
    sock, reader = Pieces(b"-ERR no\r\n", b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"), hiredis.Reader()
    refused = resp.reply(sock, reader)
    with pytest.raises(hiredis.ReplyError, match="ERR no"):
        resp.message(refused)
    assert resp.message(resp.reply(sock, reader)) == (b"a", b"x")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (ConnectionResetError("connection closed"), "connection closed"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_went_wrong_is_told_for_people(error, told):
    unavailable = resp.unavailable("redis_low", error)
    assert isinstance(unavailable, Unavailable)
    assert str(unavailable) == f"redis_low is not running or does not answer ({told})"


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        resp.connected(tmp_path / "none", 1)
