"""The actions of bin/crs-client against a whole host: what a user sees, and the exit code."""

import json
import signal
import subprocess
import sys

import pytest

from crs.client.wav import read_speech
from test.client.programs import ANSWER, PATIENCE, PROGRAM, QUESTION, events_of, named, number_of, run, texts


def test_messages_to_one_who_is_away_are_fetched_later_and_reported_back(domain):
    sender, receiver = domain.credentials(2)
    assert named(events_of(run(receiver, "fetch")), "message") == []  # attached once: its keys are known from here
    sent = named(events_of(run(sender, "send", number_of(receiver), "--count", 3, "--text", "secret")), "posted")
    again = run(receiver, "fetch", "--count", 3, "--avoid-worker", "attach:0")
    events = events_of(again)
    assert [event["worker"] for event in named(events, "attached")] == ["attach:1"]
    assert [(shown["text"], shown["id"]) for shown in named(events, "message")] == [
        (f"secret {number}", posted["id"]) for number, posted in enumerate(sent, 1)
    ]
    reports = named(events_of(run(sender, "fetch")), "delivered")
    assert [report["id"] for report in reports] == [posted["id"] for posted in sent]
    assert named(events_of(run(receiver, "fetch")), "message") == []


def test_send_waits_for_the_receiver_where_that_is_asked(domain):
    sender, receiver = domain.credentials(2)
    events_of(run(receiver, "fetch"))
    sending = run(sender, "send", number_of(receiver), "--text", "are you there?", "--delivered")
    reading = run(receiver, "fetch", "--count", 1)
    assert len(named(events_of(sending), "delivered")) == len(named(events_of(reading), "message")) == 1


def test_lines_of_standard_input_are_messages(domain, phones):
    (receiver,) = phones(1)
    (sender,) = domain.credentials(1)
    done = subprocess.run(
        [sys.executable, PROGRAM, str(sender), "send", number_of(receiver)],
        text=True,
        input="first\n\nsecond line, åäö\n",
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done
    assert texts(receiver, 2) == ["first", "second line, åäö"]


def test_a_call_carries_speech_both_ways_byte_for_byte(domain, tmp_path):
    caller, callee = domain.credentials(2)
    events_of(run(callee, "fetch"))
    answering = run(
        callee, "answer", "--play", ANSWER, "--record", tmp_path / "callee.wav", "--avoid-worker", "attach:0"
    )
    assert json.loads(answering.stdout.readline())["event"] == "attached"
    calling = run(
        caller,
        "call",
        number_of(callee),
        "--play",
        QUESTION,
        "--record",
        tmp_path / "caller.wav",
        "--avoid-worker",
        "attach:1",
    )
    called, answered = events_of(calling), events_of(answering)
    assert [event["event"] for event in called] == ["attached", "calling", "ringing", "talk", "heard", "media", "ended"]
    for events in (called, answered):
        (media,) = named(events, "media")
        assert media["lost"] == media["refused"] == 0 and media["received"] > 100
        assert [(event["reason"], event["who"]) for event in named(events, "ended")] == [("normal", "caller")]
    assert read_speech(tmp_path / "caller.wav") == read_speech(ANSWER)
    assert read_speech(tmp_path / "callee.wav") == read_speech(QUESTION)


def test_a_call_that_breaks_off_is_a_failure_at_both_ends(domain):
    caller, callee = domain.credentials(2)
    events_of(run(callee, "fetch"))
    answering = run(callee, "answer", "--play", ANSWER)
    assert json.loads(answering.stdout.readline())["event"] == "attached"
    calling = run(caller, "call", number_of(callee), "--play", QUESTION)
    for program in (calling, answering):
        assert any(json.loads(line)["event"] == "heard" for line in program.stdout)
    calling.send_signal(signal.SIGINT)
    _, errors = answering.communicate(timeout=PATIENCE)
    assert (answering.returncode, errors) == (1, "crs-client: the call ended before all was played\n")
    calling.communicate(timeout=PATIENCE)
    assert calling.returncode == 130


@pytest.mark.parametrize(
    "words, told",
    [
        (["call", "+46799999999"], "not connected|no such|not found|not known"),
        (["send", "+46799999999", "--text", "x"], ""),
        (["call", "+46799999999", "--play", "/nowhere.wav"], "/nowhere.wav: no such file"),
        (["fetch", "--count", "none"], "--count none: write a number above 0"),
        (["fetch", "--server", "nonsense:port:0"], "write host:port"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_1(domain, words, told):
    program = run(*domain.credentials(1), *words)
    _, errors = program.communicate(timeout=PATIENCE)
    assert program.returncode == 1 and errors.startswith("crs-client: ") and errors.count("\n") == 1, errors
