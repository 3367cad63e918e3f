"""The reference client against a whole host: what a user sees, also while processes of the host are killed.

One host serves all of this file; each test has clients of its own.
"""

import itertools
import json
import signal
import subprocess
import sys
import time
from functools import partial

import gevent
import pexpect
import pytest

from crs.client.phone import Phone
from crs.client.wav import read_speech
from crs.errors import NotConnected, NotFound
from crs.trust import credential as credentials
from crs.trust import months
from test.client.patience import flows
from test.hosts import ROOT, running, wait_for

PATIENCE = 30
PROGRAM = str(ROOT / "bin" / "crs-client")
QUESTION, ANSWER = ROOT / "test" / "audio" / "question.wav", ROOT / "test" / "audio" / "answer.wav"


class Domain:
    """An account whose keys are made with crs-cms, as its key manager does."""

    def __init__(self, host, directory):
        self.host, self.directory = host, directory
        self._numbers = itertools.count(46_700_000_000)
        (directory / "secret").write_text("a secret agreed with the operator\n")
        host.cli("create", "account", "acme", "-s", "-", stdin="a secret agreed with the operator\n")
        host.cli("update-notification", "enable", "acme")
        host.run(
            "crs-cms", "init", directory / "cms", "--account", "acme", "--secret", directory / "secret", check=True
        )

    def cms(self, *words) -> None:
        self.host.run("crs-cms", *words, "--home", self.directory / "cms", check=True)

    def credentials(self, count: int) -> list:
        """Credential files of new clients, which the update lists."""
        numbers = [f"+{next(self._numbers)}" for _ in range(count)]
        self.cms("add-client", *numbers)
        files = []
        for number in numbers:
            files.append(self.directory / f"{number}.json")
            self.cms("credential", number, "--server", f"127.0.0.1:{self.host.address[1]}", "--out", files[-1])
        self.update(months.of(time.time_ns() // 1_000_000))
        return files

    def update(self, month: str) -> None:
        self.cms("update", "--month", month, "--out", self.directory / "update")
        self.host.cli("apply", self.directory / "update")


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    directory = tmp_path_factory.mktemp("client")
    with running(directory) as host:
        yield Domain(host, directory)


@pytest.fixture
def phones(domain):
    """``phones(2)``: clients that are attached; closed afterwards."""
    begun = []

    def begin(count: int, **options):
        for file in domain.credentials(count):
            begun.append(Phone(file, **options).start())
        for phone in begun:
            phone.wait_ready(PATIENCE)
        return begun

    yield begin
    for phone in begun:
        phone.close()


def number_of(phone_or_file) -> str:
    return phone_or_file.credential.uri if isinstance(phone_or_file, Phone) else phone_or_file.stem


def run(file, *words) -> subprocess.Popen:
    line = [sys.executable, PROGRAM, str(file), *map(str, words), "--json", "--timeout", str(PATIENCE)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events_of(program: subprocess.Popen) -> list[dict]:
    output, errors = program.communicate(timeout=2 * PATIENCE)
    assert program.returncode == 0, (output, errors)
    return [json.loads(line) for line in output.splitlines()]


def named(events: list[dict], name: str) -> list[dict]:
    return [event for event in events if event["event"] == name]


def texts(phone: Phone, count: int) -> list[str]:
    """Messages as they are shown, until ``count`` came and nothing more."""
    shown = []
    with gevent.Timeout(PATIENCE, False):
        while len(shown) < count:
            new = phone.messages.wait()
            shown += [item.text for item in new if item.kind == "content"]
            phone.messages.acknowledge(new)
    extra = phone.messages.wait(0.3)
    return shown + [item.text for item in extra if item.kind == "content"]


def talking(one: Phone, other: Phone):
    """The two ends of a call in talk, with media."""
    outgoing = one.calls.invite(number_of(other))
    incoming = other.calls.next_incoming(PATIENCE)
    incoming.accept()
    assert outgoing.wait("talk", PATIENCE)
    for call in (incoming, outgoing):
        call.start_media()
    for call in (incoming, outgoing):
        assert call.media.heard.wait(PATIENCE)
    return outgoing, incoming


# --- the actions of bin/crs-client ---


def test_messages_to_one_who_is_away_are_fetched_later_and_reported_back(domain):
    sender, receiver = domain.credentials(2)
    assert named(events_of(run(receiver, "fetch")), "message") == []  # attached once: its keys are known from here
    sent = named(events_of(run(sender, "send", number_of(receiver), "--count", 3, "--text", "secret")), "posted")
    again = run(receiver, "fetch", "--count", 3, "--avoid-worker", "attach:0")
    events = events_of(again)
    assert [event["worker"] for event in named(events, "attached")] == ["attach:1"]
    assert [(one["text"], one["id"]) for one in named(events, "message")] == [
        (f"secret {number}", one["id"]) for number, one in enumerate(sent, 1)
    ]
    reports = named(events_of(run(sender, "fetch")), "delivered")
    assert [one["id"] for one in reports] == [one["id"] for one in sent]
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


# --- the terminal ---


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


# --- the library, while the host suffers ---


def have_attached_again(links: dict[Phone, int]) -> bool:
    """``links``: how often each phone had attached before."""
    return all(phone.client.attaches > count for phone, count in links.items())


def test_a_call_survives_the_kill_of_any_process(domain, phones):
    both = phones(2)
    calls = talking(*both)
    for victim in ("crs_relay", "app:attach:0", "app:attach:1", "redis_high", "redis_low"):
        for phone in both:
            phone.client.wait_registered(PATIENCE)
        links = {phone: phone.client.attaches for phone in both if victim == f"app:{phone.client.registered.worker}"}
        domain.host.kill(victim)
        wait_for(partial(have_attached_again, links), "attached again", PATIENCE)
        flows(*(call.media for call in calls))
        wait_for(lambda victim=victim: victim in domain.host.pids(), f"{victim} is back", PATIENCE)
    assert [call.state for call in calls] == ["talk", "talk"]
    calls[0].hang_up()
    assert calls[1].wait("hangup", PATIENCE) and calls[1].reason == "normal"


def test_messages_survive_the_kill_of_workers_in_order_and_once(domain, phones):
    sender, receiver = phones(2)
    count = 60

    def post_all():
        for number in range(count):
            sender.messages.post(number_of(receiver), f"message {number}", id=f"m-{number}")
            if number % 7 == 0:
                sender.messages.post(number_of(receiver), f"message {number}", id=f"m-{number}")  # a retry

    posting = gevent.spawn(post_all)
    for victim in ("app:attach:0", "app:attach:1"):
        gevent.sleep(0.05)
        domain.host.kill(victim)
        wait_for(lambda victim=victim: victim in domain.host.pids(), f"{victim} is back", PATIENCE)
    assert texts(receiver, count) == [f"message {number}" for number in range(count)]
    posting.get(timeout=PATIENCE)


def test_a_call_that_nobody_can_take_is_told(domain, phones):
    (alice,) = phones(1)
    (away,) = domain.credentials(1)
    with pytest.raises((NotFound, NotConnected)):
        alice.calls.invite(number_of(away))


def test_the_next_months_keys_arrive_and_are_kept(domain, phones):
    (file,) = domain.credentials(1)
    this = months.of(time.time_ns() // 1_000_000)
    coming = months.after(this)
    held = credentials.load(file)
    held.months = {this: held.months[this]}
    credentials.save(file, held)
    phone = Phone(file).start()
    try:
        phone.wait_ready(PATIENCE)
        assert coming not in phone.credential.months
        domain.update(coming)
        wait_for(lambda: coming in credentials.load(file).months, "the crypto update is applied", PATIENCE)
    finally:
        phone.close()
    again = Phone(file).start()
    try:
        states = {one.month: one.confirmed for one in again.wait_ready(PATIENCE).updates}
        assert states[coming]
    finally:
        again.close()
