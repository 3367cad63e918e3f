"""Speech through a real relay process: every byte arrives, and media survives the death of a relay."""

import contextlib
import os

import gevent
import pytest

from crs.client.media import Media
from crs.client.offer import SUITES, Srtp
from crs.client.wav import read_speech
from crs.wire.vocabulary import Candidate, Leg
from test.client.patience import PATIENCE, flows, wait_until
from test.relay.running import RunningRelay

SPEECH = os.urandom(2 * 160 * 40 + 100)  # 0.8 s, the last packet shorter
LEGS = [("callerLeg", "passwordOfTheCaller12345"), ("calleeLeg", "passwordOfTheCallee12345")]


class Relays:
    """The relays of a pool, all with the same call."""

    def __init__(self, *running: RunningRelay):
        self.running = running
        self.add()

    def add(self, legs=LEGS) -> None:
        for relay in self.running:
            relay.add(*legs, name="call/0")

    def leg(self, ufrag: str, pwd: str) -> Leg:
        return Leg(0, "rtp", ufrag, pwd, [Candidate(relay.ip, relay.port) for relay in self.running])


@pytest.fixture
def relay(request):
    """One relay; as many as a test asks for by ``indirect`` parametrization."""
    with contextlib.ExitStack() as stack:
        yield Relays(
            *[
                stack.enter_context(RunningRelay(f"127.0.0.{number + 1}"))
                for number in range(getattr(request, "param", 1))
            ]
        )


@pytest.fixture
def talk(relay):
    """``talk(suite, speeches, records)``: the streams of caller and callee, talking; ended afterwards."""
    begun = []

    def begin(suite="AEAD_AES_128_GCM", speeches=(b"", b""), records=(None, None), keys=None):
        first, second = [Srtp(suite, os.urandom(SUITES[suite])) for _ in LEGS]
        for number, (send, receive) in enumerate(keys or [(first, second), (second, first)]):
            begun.append(Media(relay.leg(*LEGS[number]), send, receive, speeches[number], records[number]).start())
        return begun

    yield begin
    for media in begun:
        media.stop()


@pytest.mark.parametrize("suite", SUITES)
def test_speech_arrives_byte_for_byte_in_both_directions(talk, tmp_path, suite):
    spoken = [SPEECH, SPEECH[::-1]]
    records = [tmp_path / "caller.wav", tmp_path / "callee.wav"]
    streams = talk(suite, spoken, records)
    for media in streams:
        assert media.played.wait(PATIENCE) and media.heard_out.wait(PATIENCE)
    reports = [media.stop() for media in streams]
    assert [read_speech(path) for path in records] == spoken[::-1]
    for report in reports:
        assert report.lost == 0 and report.received >= 41 and report.sent >= 41


def test_one_may_speak_while_the_other_is_silent(talk):
    speaker, listener = talk(speeches=(SPEECH, b""))
    assert listener.heard_out.wait(PATIENCE)
    assert speaker.heard.is_set() and not speaker.speech_came and listener.speech_came


def test_what_another_key_protects_is_refused_and_not_heard(talk):
    first, second, stranger = [Srtp("AEAD_AES_128_GCM", os.urandom(28)) for _ in range(3)]
    caller, callee = talk(keys=[(first, second), (stranger, first)])
    wait_until(lambda: caller.report().refused > 3)
    assert callee.heard.is_set() and not caller.heard.is_set()
    assert caller.report().received == 0


def test_media_comes_back_by_itself_after_the_relay_was_killed(talk, relay):
    """The same legs are added again, as the workers do; the streams bind again without being told."""
    streams = talk()
    flows(*streams)
    relay.running[0].kill()
    wait_until(lambda: streams[0].unbound_for() > 0.7)
    relay.running[0].start()
    relay.add()
    flows(*streams)
    assert all(media.report().lost > 10 for media in streams), "what was spoken meanwhile is lost, not late"


@pytest.mark.parametrize("relay", [2], indirect=True)
@pytest.mark.parametrize("victim", [0, 1])
def test_with_two_relays_media_goes_on_over_the_other(talk, relay, victim):
    streams = talk()
    flows(*streams)
    relay.running[victim].kill()
    flows(*streams)


def test_new_legs_are_taken_over(talk, relay):
    streams = talk()
    flows(*streams)
    fresh = [("new" + ufrag, pwd) for ufrag, pwd in LEGS]
    relay.running[0].commander.remove("call/0")
    relay.add(legs=fresh)
    for media, leg in zip(streams, fresh, strict=True):
        media.rebind(relay.leg(*leg))
    flows(*streams)


def test_stop_twice_is_harmless_and_without_an_answer_nothing_is_sent(relay):
    media = Media(
        relay.leg("nobodysLeg", "passwordOfNobody12345678"), *[Srtp("AEAD_AES_128_GCM", bytes(28))] * 2
    ).start()
    gevent.sleep(0.1)
    assert media.stop() == media.stop() and media.report().sent == 0
