"""The relay dies in the middle of a call: the call goes on, and so does its media."""

import os
import signal
import time

import pytest

from ..hosts import wait_for
from ..raw import RawClient, Refused
from .conftest import URIS
from .load import HeldCall


def test_media_flows_again_after_the_relay_was_killed(host, domain):
    call = HeldCall(host, domain, *URIS[:2])
    call.connect()
    call.media_flows()
    pid = host.kill("crs_relay")
    killed = time.monotonic()
    wait_for(lambda: host.pids().get("crs_relay") not in (None, pid), "another relay runs", pause=0.01)
    call.media_flows(packets=1)
    print(f"\nmedia both ways again {(time.monotonic() - killed) * 1000:.0f} ms after the kill")
    call.check()
    call.close()


def test_a_call_while_the_relay_is_down_is_refused_for_now_and_works_later(host, domain):
    alice, bob = RawClient(host.address, domain.month(URIS[0])), RawClient(host.address, domain.month(URIS[1]))
    alice.register("a1")
    bob.register("b1")
    pid = host.pids()["crs_relay"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Refused) as refused:
            alice.call("session.invite", {"id": "c1", "to": URIS[1]})
        assert (refused.value.word, refused.value.error["data"]["retry"]) == ("try-again", True)
    finally:
        os.kill(pid, signal.SIGCONT)
    invited = alice.call("session.invite", {"id": "c1", "to": URIS[1]})
    assert bob.notification("session.incoming")["session"] == invited["session"]
    alice.close()
    bob.close()
