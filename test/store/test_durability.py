"""kill -9 of Redis under load: what was acknowledged is there, once, in order, and nothing comes back."""

import random

import gevent
import pytest

from crs.errors import Unavailable
from crs.names import Client
from crs.store import SCRIPTS, Store
from crs.store.items import PRIMARY, Draft, Quota
from crs.store.pipe import Pipe
from test.store.conftest import BOB, DAY, NOW, acknowledge, depth

SENDERS = [Client(f"+4670{number:07}", "acme") for number in range(1, 13)]
KILLS = 15
LIMIT = 60  # seconds for all of it


@pytest.fixture
def store(server):
    pipe = Pipe(server.path, "redis", SCRIPTS, retry_ms=20)
    yield Store(pipe, pipe, "crs1")
    pipe.close()


def insist(step):
    """Do as a client does: the same request again, until it is answered."""
    while True:
        try:
            return step()
        except Unavailable:
            gevent.sleep(0.005)


class Load:
    """Senders that post one message after the other, and a receiver; each remembers what it was told."""

    def __init__(self, store):
        self.store = store
        self.ending = False  # senders post no more
        self.all_sent = False  # and what they posted is answered
        self.posted = {sender: [] for sender in SENDERS}  # ids acknowledged, in order
        self.shown = {sender: [] for sender in SENDERS}  # ids in the order of their first showing
        self.gone = set()  # refs whose acknowledgement was answered

    def post(self, sender, id):
        return insist(
            lambda: self.store.mailbox.post(
                Draft(BOB, sender, id, "content", NOW + DAY, "x" * 200), NOW, Quota(10**6, 10**9)
            )
        )

    def send(self, sender):
        number = 0
        while not self.ending:
            self.post(sender, str(number))
            self.posted[sender].append(str(number))
            if number % 7 == 0:
                assert not self.post(sender, str(number // 2)).new  # a late retry of what was acknowledged
            number += 1

    def receive(self):
        while not self.all_sent or insist(lambda: self.store.mailbox.waiting(BOB, PRIMARY)):
            items, *_ = insist(lambda: self.store.mailbox.fetch(BOB, PRIMARY, 0, 40, NOW))
            for item in items:
                assert item.ref not in self.gone, f"{item.ref} came back"
                if item.id not in self.shown[item.sender]:
                    self.shown[item.sender].append(item.id)
            refs = [item.ref for item in items]
            if refs:
                insist(lambda refs=refs: acknowledge(self.store, BOB, PRIMARY, refs))
                self.gone.update(refs)
            gevent.sleep(0)


def test_nothing_acknowledged_is_lost_nothing_comes_back(server, store):
    load, moments = Load(store), random.Random(20261122)
    senders, receiver = [gevent.spawn(load.send, sender) for sender in SENDERS], gevent.spawn(load.receive)
    for _ in range(KILLS):
        before = sum(map(len, load.posted.values()))
        with gevent.Timeout(LIMIT):
            while sum(map(len, load.posted.values())) < before + 50:  # it works again
                gevent.sleep(0.01)
        gevent.sleep(moments.uniform(0, 0.1))
        server.kill()
        server.start()
    load.ending = True
    gevent.joinall(senders, timeout=LIMIT, raise_error=True)
    assert all(sender.successful() for sender in senders)
    load.all_sent = True
    receiver.get(timeout=LIMIT)
    for sender in SENDERS:
        assert load.shown[sender] == load.posted[sender]
    assert depth(store, BOB) == (0, 0)


def test_a_torn_write_is_not_half_a_message(server, store):
    """The file ends inside the last script's writes: after the start it is as if that post had never been."""
    for id in ("whole", "torn"):
        insist(
            lambda id=id: store.mailbox.post(
                Draft(BOB, SENDERS[0], id, "content", NOW + DAY, "x"), NOW, Quota(10, 10_000)
            )
        )
    server.kill()
    file = max(server.directory.glob("appendonly*/*.incr.aof"), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:-10])
    server.start()
    items, *_ = insist(lambda: store.mailbox.fetch(BOB, PRIMARY, 0, 40, NOW))
    assert [item.id for item in items] == ["whole"]
    assert insist(lambda: depth(store, BOB))[0] == 1
    assert insist(
        lambda: store.mailbox.post(Draft(BOB, SENDERS[0], "torn", "content", NOW + DAY, "x"), NOW, Quota(10, 10_000))
    ).new
