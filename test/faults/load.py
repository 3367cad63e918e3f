"""Load for the fault tests: posts at a steady rate, and calls that stay up, with a record of what was acknowledged.

The clients are those of the reference library. ``check`` compares what the server acknowledged with what receivers saw.
"""

import random
import time

import gevent
from gevent.event import Event

from crs.client.addresses import AddressCycle
from crs.client.connection import ClientConnection
from crs.client.media import Media
from crs.client.offer import Srtp
from crs.wire.vocabulary import (
    Accept,
    Ack,
    Acked,
    Fetch,
    Fetched,
    Invite,
    Invited,
    Post,
    Posted,
    Sequenced,
    SessionList,
)

from ..hosts import wait_for

PATIENT = 120.0  # seconds a request is tried again before the load gives up (and the test fails)


def attach(host, domain, uri: str, device: str = "phone", **options) -> ClientConnection:
    """A client that stays attached."""
    return ClientConnection(AddressCycle([host.address], lambda now: [domain.month(uri)]), device, **options)


class Reader:
    """Fetches, or takes what arrives, shows each ref once, acknowledges; ``seen`` has what a person would have seen, in
    order."""

    def __init__(self, client: ClientConnection):
        self.client = client
        self.seen: list = []
        self._refs: set[str] = set()
        self._hint = Event()
        self._behind = False
        self._arrived: list = []
        client.hear("message.arrived", self._take)
        client.hear("message.waiting", self._look)
        client.hear("registered", self._look)

    def _look(self, _) -> None:
        self._behind = True
        self._hint.set()

    def _take(self, arrived) -> None:
        self._arrived += arrived.messages
        self._hint.set()

    def run(self) -> None:
        while True:
            self._hint.wait()
            self._hint.clear()
            arrived, self._arrived = self._arrived, []
            if self._behind:
                self._behind = False
                self._drain()
            self._show(arrived)

    def _drain(self) -> None:
        more = True
        while more:
            page = self.client.call("message.fetch", Fetch(limit=100), Fetched, PATIENT)
            self._show(page.messages)
            more = page.more

    def _show(self, items: list) -> None:
        for item in items:
            if item.ref not in self._refs:
                self._refs.add(item.ref)
                self.seen.append(item)
        for start in range(0, len(items), 100):
            self.client.call("message.ack", Ack([item.ref for item in items[start : start + 100]]), Acked, PATIENT)


class Pair:
    """One sender and one receiver."""

    def __init__(self, host, domain, sender: str, receiver: str, rate: float, source: random.Random):
        self.sender_uri, self.receiver_uri = sender, receiver
        self.sender = attach(host, domain, sender, deliver=True)
        self.receiver = attach(host, domain, receiver, deliver=source.random() < 0.5)
        self.reports, self.inbox = Reader(self.sender), Reader(self.receiver)
        self.acknowledged: list[str] = []
        self.retried = 0
        self._period = 1 / rate
        self._random = source
        self.failure: Exception | None = None

    def start(self, stop: Event) -> list[gevent.Greenlet]:
        self.sender.start()
        self.receiver.start()
        self._readers = [gevent.spawn(self.reports.run), gevent.spawn(self.inbox.run)]
        return [gevent.spawn(self._post, stop)]

    def _post(self, stop: Event) -> None:
        """At a steady rate; after an outage faster, until as many are posted as there would be without it."""
        due = time.monotonic()
        while not stop.is_set():
            identity = f"m-{len(self.acknowledged)}"
            self._send(identity)
            self.acknowledged.append(identity)
            if self._random.random() < 0.05:  # a client that lost the answer and comes back later
                self._send(self._random.choice(self.acknowledged[-200:]))
                self.retried += 1
            due += self._period
            gevent.sleep(max(0.0, due - time.monotonic()))

    def _send(self, identity: str) -> None:
        self.sender.call("message.post", Post(identity, self.receiver_uri, f"sealed {identity}"), Posted, PATIENT)

    def settled(self) -> bool:
        """Whether all that was acknowledged has been seen by the receiver and reported to the sender."""
        return len(self.inbox.seen) >= len(self.acknowledged) <= len(self.reports.seen)

    def check(self) -> None:
        """None lost, none shown twice, order kept, one report each. Raises AssertionError."""
        seen = [item.id for item in self.inbox.seen]
        missing, extra = set(self.acknowledged) - set(seen), set(seen) - set(self.acknowledged)
        assert not missing, f"{self.receiver_uri}: lost {sorted(missing)[:5]} and more, {len(missing)} in all"
        assert len(extra) <= 1, f"{self.receiver_uri}: shown but never posted: {sorted(extra)[:5]}"
        assert len(seen) == len(set(seen)), f"{self.receiver_uri}: shown twice"
        assert seen == sorted(seen, key=lambda identity: int(identity[2:])), f"{self.receiver_uri}: order not kept"
        reports = [item.id for item in self.reports.seen]
        assert all(item.kind == "ack" for item in self.reports.seen)
        assert len(reports) == len(set(reports)), f"{self.sender_uri}: an ack was told twice"
        assert set(self.acknowledged) <= set(reports), f"{self.sender_uri}: an ack was not told"

    def close(self) -> None:
        gevent.killall(self._readers)
        for client in (self.sender, self.receiver):
            client.close()


TO_CALLEE, TO_CALLER = (Srtp("AEAD_AES_128_GCM", bytes([number]) * 28) for number in (1, 2))


class HeldCall:
    """A call in *talk* between two clients, with comfort noise both ways as long as it lasts."""

    def __init__(self, host, domain, caller: str, callee: str):
        self.caller, self.callee = attach(host, domain, caller).start(), attach(host, domain, callee)
        self.callee_uri = callee
        self._rings = Event()
        self.legs: dict[str, list] = {}
        self.callee.hear("session.incoming", self._ring)
        self.callee.start()

    def _ring(self, incoming) -> None:
        self.legs["callee"] = incoming.legs
        self._rings.set()

    def connect(self) -> None:
        self.caller.wait_registered(PATIENT)
        self.callee.wait_registered(PATIENT)
        invited = self.caller.call("session.invite", Invite("call-1", self.callee_uri, "offer"), Invited, PATIENT)
        self.session, self.legs["caller"] = invited.session, invited.legs
        assert self._rings.wait(10), "the callee does not ring"
        taken = self.callee.call("session.accept", Accept(self.session, "answer"), Sequenced, PATIENT)
        assert taken.state == "talk"
        self.media = [
            Media(self.legs["caller"][0], TO_CALLEE, TO_CALLER).start(),
            Media(self.legs["callee"][0], TO_CALLER, TO_CALLEE).start(),
        ]

    def media_flows(self, packets: int = 5) -> None:
        """Wait until both sides hear that many packets more than now."""
        before = [media.report().received for media in self.media]
        wait_for(
            lambda: all(
                media.report().received >= count + packets for media, count in zip(self.media, before, strict=True)
            ),
            "media flows both ways",
            patience=20,
            pause=0.01,
        )

    def check(self) -> None:
        """Both parties still have it, in *talk*, with the legs they got."""
        for role, client in (("caller", self.caller), ("callee", self.callee)):
            listed = client.call("session.list", result=SessionList, timeout=PATIENT).sessions
            assert [(call.session, call.state) for call in listed] == [(self.session, "talk")], (role, listed)
            assert listed[0].legs == self.legs[role], role
        self.media_flows()

    def close(self) -> None:
        for media in self.media:
            media.stop()
        for client in (self.caller, self.callee):
            client.close()
