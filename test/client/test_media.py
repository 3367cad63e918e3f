"""Speech through a real relay process: every byte arrives, and a relay that is killed is got over."""

import os
import subprocess
import sys

import gevent
import pytest

from crs.client.media import Media
from crs.client.offer import SUITES, Srtp
from crs.client.wav import read_speech
from crs.protocol import Candidate, Leg
from crs.relay.client import RelayClient
from test.hosts import ROOT, Host, wait_for

PATIENCE = 20
SPEECH = os.urandom(2 * 160 * 40 + 100)   # 0.8 s, the last packet shorter
LEGS = [("callerLeg", "passwordOfTheCaller12345"), ("calleeLeg", "passwordOfTheCallee12345")]


class Relay:
    """A relay process of its own, which can be killed and started again."""

    def __init__(self, directory):
        self.host = Host(directory)
        self.commander = RelayClient(self.host.home / "run" / "relay.sock", "test")
        self.process = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "test.relay.serve", str(self.host.home)], cwd=ROOT,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        self.commander.add("call/0", "RTP", [{"ufrag": ufrag, "pwd": pwd} for ufrag, pwd in LEGS], ["call"])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def leg(self, number: int) -> Leg:
        return Leg(0, "rtp", *LEGS[number], [Candidate(*self.host.media)])


@pytest.fixture
def relay(tmp_path):
    one = Relay(tmp_path)
    one.start()
    yield one
    one.kill()


@pytest.fixture
def talk(relay):
    """``talk(suite, speeches, records)``: the streams of caller and callee, talking; ended afterwards."""
    begun = []

    def begin(suite="AEAD_AES_128_GCM", speeches=(b"", b""), records=(None, None), keys=None):
        one, other = [Srtp(suite, os.urandom(SUITES[suite])) for _ in LEGS]
        for number, (send, receive) in enumerate(keys or [(one, other), (other, one)]):
            begun.append(Media(relay.leg(number), send, receive, speeches[number], records[number]).start())
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
    one, other, stranger = [Srtp("AEAD_AES_128_GCM", os.urandom(28)) for _ in range(3)]
    caller, callee = talk(keys=[(one, other), (stranger, one)])
    wait_for(lambda: caller.report().refused > 3, "packets of a stranger", PATIENCE)
    assert callee.heard.is_set() and not caller.heard.is_set()
    assert caller.report().received == 0


def test_media_comes_back_by_itself_after_the_relay_was_killed(talk, relay):
    """The same legs are added again, as the workers do; the streams bind again without being told."""
    streams = talk()
    for media in streams:
        assert media.heard.wait(PATIENCE)
    relay.kill()
    wait_for(lambda: streams[0].unbound_for() > 0.7, "the relay is missed", PATIENCE)
    before = [media.report().received for media in streams]
    relay.start()
    wait_for(lambda: all(media.report().received > count + 10 for media, count in zip(streams, before, strict=True)),
             "media flows both ways again", PATIENCE)
    assert all(media.report().lost > 10 for media in streams), "what was spoken meanwhile is lost, not late"


def test_new_legs_are_taken_over(talk, relay):
    streams = talk()
    for media in streams:
        assert media.heard.wait(PATIENCE)
    fresh = [("new" + ufrag, pwd) for ufrag, pwd in LEGS]
    relay.commander.remove("call/0")
    relay.commander.add("call/0b", "RTP", [{"ufrag": ufrag, "pwd": pwd} for ufrag, pwd in fresh], ["call"])
    for media, leg in zip(streams, fresh, strict=True):
        media.rebind(Leg(0, "rtp", *leg, [Candidate(*relay.host.media)]))
    before = [media.report().received for media in streams]
    wait_for(lambda: all(media.report().received > count + 10 for media, count in zip(streams, before, strict=True)),
             "media flows over the new legs", PATIENCE)


def test_stop_twice_is_harmless_and_without_an_answer_nothing_is_sent(relay):
    media = Media(Leg(0, "rtp", "nobodysLeg", "passwordOfNobody12345678", [Candidate(*relay.host.media)]),
                  *[Srtp("AEAD_AES_128_GCM", bytes(28))] * 2).start()
    gevent.sleep(0.1)
    assert media.stop() == media.stop() and media.report().sent == 0
