"""Directives about how long something lasts, and about names and addresses in a pool, at a host called north."""

import time

import pytest

from crs.trust import months

from ..hosts import Domain, Host, wait_for
from ..raw import RawClient
from . import NUMBERS, number, shows

DIRECTIVES = """
message-expiry 1
ring-timeout 3
session-keep 1
relay-expiry 1
update-grace 0
"""
IP = "127.0.0.6"
SOONER = 20  # seconds: sooner than any default of these would do it


class North(Host):
    """A host whose name and address are not those that --init gives."""

    def start(self, *prefix):
        for file, was, now in (
            ("crs.conf", f"ip crs1 {self.ip}", f"ip north {IP}"),
            ("crs.conf", "host crs1", "host north"),
            ("crs-local.conf", "crsname crs1", "crsname north"),
        ):
            text = (self.home / file).read_text()
            assert f"\n{was}\n" in text
            (self.home / file).write_text(text.replace(f"\n{was}\n", f"\n{now}\n"))
        self.ip, self.address = IP, (IP, self.address[1])
        return super().start(*prefix)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = North(tmp_path_factory.mktemp("host"), directives=DIRECTIVES)
    try:
        yield host.start()
    finally:
        host.stop()


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", NUMBERS)


@pytest.fixture
def attach(host, domain):
    """Attaches and registers clients; closes them at the end."""
    made = []

    def attach(uri: str) -> RawClient:
        client = RawClient(host.address, domain.month(uri))
        made.append(client)
        client.registered = client.register("phone-1")
        return client

    yield attach
    for client in made:
        client.close()


@shows("crsname", "host", "ip")
def test_the_host_has_the_name_and_address_of_the_pool(host, attach):
    caller, callee = attach(number(1)), attach(number(2))  # at the address of the ip line
    assert caller.registered["host"] == callee.registered["host"] == "north"
    invited = caller.call("session.invite", {"id": "c1", "to": number(2)})
    assert invited["session"].startswith("north.")
    assert invited["legs"][0]["candidates"][0]["ip"] == IP
    caller.call("session.hangup", {"session": invited["session"]})


@shows("message-expiry")
def test_a_message_waits_so_long(attach):
    sender = attach(number(3))
    sender.call("message.post", {"id": "m1", "to": number(4), "body": "too late"})
    sender.call("message.post", {"id": "m2", "to": number(4), "body": "too late", "expires": 7_776_000})
    reports = []

    def told():
        found = sender.call("message.fetch")["messages"]
        reports.extend((item["kind"], item["uri"], item["id"]) for item in found)
        if found:
            sender.call("message.ack", {"refs": [item["ref"] for item in found]})
        return len(reports) >= 2

    wait_for(told, "the sender is told", patience=SOONER)
    assert sorted(reports) == [("expired", number(4), "m1"), ("expired", number(4), "m2")]
    assert attach(number(4)).registered["waiting"] == 0


@shows("ring-timeout")
@pytest.mark.parametrize("rings", [False, True], ids=["invite", "ringing"])
def test_a_call_rings_so_long(host, attach, rings):
    caller, callee = attach(number(5)), attach(number(6))
    session = caller.call("session.invite", {"id": f"ring-{rings}", "to": number(6)})["session"]
    if rings:
        callee.call("session.ringing", {"session": session})
    for client in (caller, callee):
        ended = client.notification("session.ended", timeout=SOONER)
        assert (ended["session"], ended["reason"], ended["who"]) == (session, "timeout", "crs")


@shows("session-keep")
def test_an_ended_call_is_shown_so_long(host, attach):
    caller, _ = attach(number(7)), attach(number(8))
    session = caller.call("session.invite", {"id": "keep", "to": number(8)})["session"]
    caller.call("session.hangup", {"session": session})
    wait_for(lambda: host.rows("show", "session") == [], "it is shown no longer", patience=SOONER)


@shows("relay-expiry")
def test_a_relay_that_nobody_uses_is_given_up(host, attach):
    caller, callee = attach(number(9)), attach(number(10))
    session = caller.call("session.invite", {"id": "relay", "to": number(10)})["session"]
    callee.call("session.accept", {"session": session, "body": "answer"})
    log = host.home / "log" / "crs_relay.log"
    wait_for(lambda: f"Expired {session}/0/" in log.read_text(), "it is given up", patience=SOONER)
    caller.call("session.hangup", {"session": session})


@shows("update-grace")
def test_without_grace_the_last_month_is_refused(host, domain):
    month = months.before(months.of(time.time_ns() // 1_000_000))
    domain.months[month] = bytes(32)
    path = host.home.parent / "late.upd"
    path.write_bytes(domain.update(month))
    refused = host.run("crs-cli", "apply", path)
    del domain.months[month]
    assert refused.returncode == 1 and "has run out" in refused.stderr
