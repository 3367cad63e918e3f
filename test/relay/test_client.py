"""The commander's end: shared by many, through faults, never an answer for another."""

import json
import os
import signal
import socket
import threading

import pytest

from crs.errors import Unavailable
from crs.relay.client import POLL_PART, RelayClient, RelayRefused

from .running import RunningRelay, new_leg


@pytest.fixture(scope="module")
def relay():
    with RunningRelay() as running:
        yield running


@pytest.fixture
def commander(relay):
    client = RelayClient(relay.path, "test_client", timeout=0.5)
    yield client
    client.close()


def test_every_caller_gets_its_own_answer(commander):
    commander.timeout = 10
    astray = []

    def ask(number):
        for turn in range(50):
            name = f"nobody-{number}-{turn}"
            if commander.poll([name]) != [name]:
                astray.append(name)

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not astray


def test_long_polls_are_sent_in_parts(commander):
    names = [f"{number:0200}" for number in range(2 * POLL_PART + 1)]
    assert commander.poll(names) == names
    assert commander.poll([]) == []


def test_refusals_carry_the_word(relay, commander):
    leg = {"ufrag": new_leg()[0], "pwd": "p" * 24}
    with pytest.raises(RelayRefused) as refusal:
        commander.add("name", "RTP", [leg, leg], [])
    assert refusal.value.error == "conflict"
    with pytest.raises(RelayRefused) as refusal:
        commander.add("name", "rtp", [leg], [])
    assert refusal.value.error == "bad-request"
    assert commander.poll(["name"]) == ["name"]  # on the same connection


def test_a_hung_relay_is_unavailable_and_no_answer_goes_astray(relay, commander):
    commander.instance()
    os.kill(relay.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable):
            commander.poll(["never-added"])
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)
    commander.timeout = 10
    assert "RTP" in commander.stats()


def test_a_restart_is_noticed_without_a_request():
    with RunningRelay() as relay:
        first = relay.commander.instance()
        assert relay.commander.instance() == first
        relay.kill()
        with pytest.raises(Unavailable):
            relay.commander.instance()
        relay.start()
        assert relay.commander.instance() != first
        assert relay.commander.addresses() == [{"ip": relay.ip, "port": relay.port}]


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"\n",
        b"[]\n",
        b'{"v":1,"id":99,"ok":true}\n',
        b'{"v":2,"id":1,"ok":false,"error":"version","text":"speaks version 2"}\n',
    ],
)
def test_whoever_speaks_otherwise_is_unavailable(tmp_path, says):
    path = tmp_path / "relay.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            peer, _ = listener.accept()
            with peer:
                assert json.loads(peer.recv(1000))["op"] == "hello"
                peer.sendall(says)

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(Unavailable):
            RelayClient(path, "test_client").stats()
        server.join()
