"""trace: on a terminal, in a pipe whose reader goes away, as JSON."""

import json
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from crs.cli.output import Moment
from crs.store import schema
from crs.telemetry.trace import ELEMENTS, Tracer
from test.cli.test_main import PATIENCE, PROGRAM, terminal
from test.trust.updates.make import NOW

VALUES = {
    "attach": ["0.1", "primary", "+46701111111", "acme", "192.0.2.1", 40000, "registered", "5.1"],
    "session": ["+46701111111", "+46702222222", "talk", "acme", "crs1.x", "beta"],
    "message": ["+46701111111", "+46702222222", "posted content", "acme", "m1", "acme"],
    "object": ["+46701111111", "update client_token", "acme"],
    "event": ["attach", "dbg", "something"],
    "connection": ["0.1", "client", "+46701111111@acme", "192.0.2.1", 40000, "negotiated"],
    "statistics": ["message-outgoing", "+46701111111", "acme"],
}


class RunningTrace:
    """``crs-cli trace`` with its output in a pipe."""

    def __init__(self, home, store, *words):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, "trace", *words, "--home", str(home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.element, self.tracer, self.store, self.read = words[0], Tracer(store.high), store, b""

    def emit(self, values=None) -> None:
        """Tell an event as soon as somebody listens."""
        deadline = time.monotonic() + PATIENCE
        while not self.store.high.call("PUBSUB", "NUMSUB", schema.trace(self.element))[1]:
            assert time.monotonic() < deadline and self.process.poll() is None, self.process.communicate()
        self.tracer.look()
        self.tracer.emit(self.element, values or VALUES[self.element], NOW)

    def line(self) -> str:
        while b"\n" not in self.read:
            assert select.select([self.process.stdout], [], [], PATIENCE)[0]
            more = os.read(self.process.stdout.fileno(), 65_536)
            assert more, "it ended"
            self.read += more
        line, _, self.read = self.read.partition(b"\n")
        return line.decode()

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said on standard error."""
        self.process.wait(PATIENCE)
        return self.process.returncode, self.process.stderr.read()


@pytest.fixture
def trace(home, store):
    begun = []

    def begin(*words):
        begun.append(RunningTrace(home, store, *words))
        return begun[-1]

    yield begin
    for following in begun:
        if following.process.poll() is None:
            following.process.kill()
        following.process.communicate()


@pytest.mark.parametrize("element", ELEMENTS)
def test_an_event_of_each_element(trace, element):
    following = trace(element)
    following.emit()
    titles, cells = following.line().split("\t"), following.line().split("\t")
    shown = list(map(str, VALUES[element][: len(ELEMENTS[element].fields)]))
    moment = str(Moment(NOW))
    expected = [*shown[:2], moment, *shown[2:]] if element == "event" else ["event", moment, *shown]
    assert cells == expected and len(titles) == len(cells)
    following.process.send_signal(signal.SIGINT)
    assert following.end() == (0, "")


def test_json_is_one_object_a_line(trace):
    following = trace("session", "--json")
    following.emit()
    assert json.loads(following.line()) == {
        "header": "event",
        "time": Moment(NOW).iso(),
        "caller": "+46701111111",
        "callee": "+46702222222",
        "state": "talk",
        "account": "acme",
        "session_id": "crs1.x",
    }


def test_a_filter_passes_what_concerns_it(trace):
    following = trace("session", "--account", "beta", "--uri", "tel:+46-702-222-222")
    following.emit(["+46701111111", "+46703333333", "talk", "acme", "other", "beta"])
    following.emit()
    following.line()
    assert following.line().endswith("crs1.x")


def test_it_ends_when_nobody_reads_any_more_though_nothing_happens(trace):
    following = trace("session")
    following.line()
    following.process.stdout.close()
    assert following.end() == (0, "")


def test_it_ends_with_a_reader_that_has_enough(trace):
    following = trace("session")
    head = subprocess.run(["head", "-n", "1"], stdin=following.process.stdout, capture_output=True, timeout=PATIENCE)
    following.process.stdout.close()
    assert head.stdout.startswith(b"Header\tTime\tCaller") and following.end() == (0, "")


def test_it_says_when_redis_goes(trace, store):
    following = trace("session")
    following.line()
    store.high.call("CLIENT", "KILL", "TYPE", "pubsub")
    code, text = following.end()
    assert code == 1 and text.startswith("crs-cli: redis_high is not running or does not answer (connection closed); ")


def test_ctrl_c_on_a_terminal_ends_it_on_a_line_of_its_own(home, store):
    child = terminal(home, "trace", "session")
    child.expect_exact("Session-ID\r\n")
    child.sendintr()
    assert child.read().endswith("\r\n")
    child.close()
    assert child.exitstatus == 0


def test_the_pipe_that_is_closed_before_the_titles(home, store):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, PROGRAM, "trace", "session", "--home", str(home)],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
