"""The library against a whole host, while processes of the host are killed and keys change."""

import time
from functools import partial

import gevent
import pytest

from crs.client.phone import Phone
from crs.errors import NotConnected, NotFound
from crs.trust import credential as credentials
from crs.trust import months
from test.client.patience import flows
from test.client.programs import PATIENCE, number_of, texts
from test.hosts import wait_for


def talking(caller: Phone, callee: Phone):
    """The two ends of a call in talk, with media."""
    outgoing = caller.calls.invite(number_of(callee))
    incoming = callee.calls.next_incoming(PATIENCE)
    incoming.accept()
    assert outgoing.wait("talk", PATIENCE)
    for call in (incoming, outgoing):
        call.start_media()
    for call in (incoming, outgoing):
        assert call.media.heard.wait(PATIENCE)
    return outgoing, incoming


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
        states = {update.month: update.confirmed for update in again.wait_ready(PATIENCE).updates}
        assert states[coming]
    finally:
        again.close()
