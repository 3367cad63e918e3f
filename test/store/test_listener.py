"""Listening from the command line: nothing that comes after the subscription is lost, a fault is told."""

import socket

import hiredis
import pytest

from crs.errors import Unavailable
from crs.store.listener import Listener


@pytest.fixture
def answering(tmp_path):
    """A server that answers every connection with the same bytes and closes it."""
    import threading

    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "sock"))
    server.listen()

    def serve(*chunks: bytes):
        def answer():
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                for chunk in chunks:
                    peer.sendall(chunk)

        thread = threading.Thread(target=answer)
        thread.start()
        threads.append(thread)
        return tmp_path / "sock"

    threads = []
    yield serve
    for thread in threads:
        thread.join(10)
    server.close()


CONFIRMED = hiredis.pack_command(("subscribe", "a", "1"))


def push(text: str) -> bytes:
    return hiredis.pack_command(("message", "a", text))


def test_what_comes_in_one_piece_with_the_confirmation_is_kept(answering):
    listener = Listener(answering(CONFIRMED + push("1") + push("2") + push("3")[:5], push("3")[5:]), "high", ["a"])
    heard = list(listener.early)
    while len(heard) < 3:
        heard += listener.read()
    assert heard == [b"1", b"2", b"3"]
    with pytest.raises(Unavailable, match=r"high is not running or does not answer \(connection closed\)"):
        listener.read()
    listener.close()


@pytest.mark.parametrize("answer", [b"", b"-ERR no\r\n", b"nonsense\r\n"])
def test_a_server_that_does_not_confirm(answering, answer):
    with pytest.raises(Unavailable, match="high is not running or does not answer"):
        Listener(answering(answer), "high", ["a"])


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(Unavailable, match=r"high is not running or does not answer \(No such file or directory\)"):
        Listener(tmp_path / "none", "high", ["a"])
