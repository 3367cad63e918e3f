"""Redis hangs or dies: clients are told to try again, nothing is acknowledged that is not stored, service resumes."""

import os
import signal

import pytest

from ..hosts import wait_for
from ..raw import RawClient, Refused
from .conftest import URIS

MAIL = f"mail:{{{URIS[1]}}}@acme"


@pytest.fixture
def alice(host, domain):
    client = RawClient(host.address, domain.month(URIS[0]))
    client.register("a1")
    yield client
    client.close()


@pytest.fixture
def bob(host, domain):
    client = RawClient(host.address, domain.month(URIS[1]))
    client.register("b1")
    yield client
    client.close()


def post(client, number: int) -> dict:
    return client.call("message.post", {"id": f"m{number}", "to": URIS[1], "body": str(number)})


def must_fail_for_now(client, number: int) -> None:
    with pytest.raises(Refused) as refused:
        post(client, number)
    assert (refused.value.word, refused.value.error["code"]) == ("try-again", 503)
    assert refused.value.error["data"]["retry"] is True


def answered(client, number: int) -> bool:
    try:
        return bool(post(client, number))
    except Refused as refused:
        assert refused.word == "try-again"
        return False


def test_a_hanging_directory_delays_the_wake_up_only(host, alice, bob):
    pid = host.pids()["redis_high"]
    os.kill(pid, signal.SIGSTOP)
    try:
        post(alice, 1)
        with pytest.raises(Refused) as refused:
            alice.call("session.invite", {"id": "c1", "to": URIS[1]})
        assert refused.value.word == "try-again"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert bob.notification("message.waiting")["waiting"] == 1


def test_a_hanging_store_fails_requests_for_now(host, alice, bob):
    post(alice, 1)
    pid = host.pids()["redis_low"]
    os.kill(pid, signal.SIGSTOP)
    try:
        must_fail_for_now(alice, 2)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: answered(alice, 2), "posts are answered again")
    assert [item["id"] for item in bob.call("message.fetch")["messages"]] == ["m1", "m2"]


@pytest.mark.parametrize("name", ["redis_low", "redis_high"])
def test_a_killed_redis_comes_back_with_all_it_had(host, alice, bob, low, name):
    for number in range(20):
        post(alice, number)
    had = low.hgetall(MAIL)
    host.kill(name)
    wait_for(lambda: answered(alice, 20), "posts are answered again")
    has = low.hgetall(MAIL)
    assert (len(had), len(has)) == (20, 21) and had.items() < has.items()
    fetched = bob.call("message.fetch", {"limit": 100})["messages"]
    assert [item["id"] for item in fetched] == [f"m{number}" for number in range(21)]
    # the directory outlived it, or was announced anew: a wake-up arrives without a new register
    bob.call("message.ack", {"refs": [item["ref"] for item in fetched]})
    while not bob.notifications.empty():
        bob.notifications.get()
    post(alice, 21)
    assert bob.notification("message.waiting")["waiting"] >= 1


def test_a_directory_that_was_lost_is_announced_anew(host, alice, bob, high):
    high.flushall()
    host.kill("redis_high")  # the workers subscribe anew, and look at the facts

    def woken():
        if not answered(alice, woken.number):
            return False
        woken.number += 1
        try:
            return bool(bob.notification("message.waiting", timeout=0.2))
        except AssertionError:
            return False

    woken.number = 1
    wait_for(woken, "the receiver is woken")
