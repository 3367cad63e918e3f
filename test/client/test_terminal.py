"""The terminal against a whole host, as typed at by people."""

import subprocess
import sys

import pexpect
import pytest

from test.client.programs import PATIENCE, PROGRAM, number_of
from test.hosts import ROOT


@pytest.fixture
def terminals(domain):
    """``terminals(2)``: interactive clients, as typed at."""
    begun = []

    def begin(count: int, *words):
        for file in domain.credentials(count):
            child = pexpect.spawn(
                sys.executable,
                [PROGRAM, str(file), *words],
                timeout=PATIENCE,
                encoding="utf-8",
                echo=False,
                cwd=str(ROOT),
            )
            child.number = number_of(file)
            child.expect("attached to crs1")
            begun.append(child)
        return begun

    yield begin
    for child in begun:
        child.close(force=True)


def test_a_person_messages_calls_answers_and_hangs_up(terminals):
    alice, bob = terminals(2)
    alice.sendline(f"message {bob.number} shall we talk?")
    alice.expect(r"message \w+ to \S+ is stored")
    bob.expect(r"acme: shall we talk\?")
    alice.expect(r"message \w+ is delivered")
    alice.sendline(f"call {bob.number}")
    bob.expect(rf"\{alice.number}@acme calls")
    alice.expect("it rings at")
    bob.sendline("answer")
    bob.expect("talking with")
    alice.expect("talking with")
    alice.sendline("status")
    alice.expect("is attached to crs1, served by attach:[01]")
    alice.expect(rf"call with \{bob.number}@acme: talk")
    bob.sendline("hangup")
    alice.expect(r"is over: normal \(callee\)")
    bob.expect(r"is over: normal \(callee\)")
    alice.sendline(f"call {bob.number}")
    bob.expect("calls")
    bob.sendline("hangup")
    alice.expect(r"is over: declined \(callee\)")
    for child in (alice, bob):
        child.sendline("quit")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0


def test_who_talks_is_busy_for_others(terminals):
    alice, bob, eve = terminals(3)
    alice.sendline(f"call {bob.number}")
    bob.expect("calls")
    bob.sendline("answer")
    alice.expect("talking with")
    eve.sendline(f"call {bob.number}")
    bob.expect("called while this client was busy")
    eve.expect(r"is over: busy \(callee\)")
    alice.sendline("status")
    alice.expect("talk")


def test_what_is_mistyped_is_told(terminals):
    (alice,) = terminals(1)
    for typed, told in (
        ("dance", "dance: no such command; type help"),
        ("message +46700", "write message NUMBER TEXT"),
        ("answer", "nobody calls"),
        ("hangup", "there is no call"),
        ("call 0701", "call: "),
        ("help", "message NUMBER TEXT  +post a message"),
    ):
        alice.sendline(typed)
        alice.expect(told)


def test_the_end_of_a_pipe_quits(domain):
    done = subprocess.run(
        [sys.executable, PROGRAM, str(*domain.credentials(1))],
        input="status\n",
        text=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0 and "attached" in done.stdout, done
