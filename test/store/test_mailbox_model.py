"""Mailboxes against a model of a few lines: any posts, retries, fetches, acknowledgements, devices and expiries.

What must hold after every step: each device sees what it was promised, in order, and nothing that it acknowledged;
nothing is stored twice under one id while its tomb stands; the figures of the quota are true; nothing is left behind.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from crs.errors import Busy, Conflict, QuotaExceeded
from crs.names import Client
from crs.store import SCRIPTS, Store, schema
from crs.store.direct import Direct
from crs.store.items import PRIMARY, Draft, Quota, ref
from test.servers import RedisServer
from test.store.conftest import DAY, NOW, acknowledge, depth

RECEIVER = Client("+46709999999", "acme")
SENDERS = [Client("+46701111111", "acme"), Client("+46702222222", "acme"), Client("+46701111111", "other")]
DEVICES = [f"tablet{number}" for number in range(5)]
MAX_COUNT, MAX_BYTES = 4, 700
LIVES = [60_000, DAY, 30 * DAY]

senders = st.sampled_from(SENDERS)
ids = st.sampled_from(["a", "b", "c", "d", "e"])
kinds = st.sampled_from(["content", "system", "ack", "expired"])
bodies = st.sampled_from(["", "å", "x" * 30, "line\nfeed", "x" * 300])


class MailboxMachine(RuleBasedStateMachine):
    """``server`` is set by the test."""

    server: RedisServer

    @initialize()
    def begin(self):
        direct = Direct(self.server.path, "redis", SCRIPTS)
        direct.call("FLUSHALL")
        self.store = Store(direct, direct, "crs1")
        self.now = NOW
        self.boxes = {PRIMARY: []}  # device -> refs, in order
        self.items = {}  # ref -> (kind, sender, id, body, time)
        self.expiry = {}  # ref -> ms: the tombs
        self.firsts = {}  # ref -> when, as what, with which body it came first
        self.newest = 0  # the seq given last
        self.reported = set()  # (sender, id) of messages whose acknowledgement the sender was told

    def held(self):
        return {name for box in self.boxes.values() for name in box}

    def messages(self):
        return [name for name in self.held() if name.startswith("message:")]

    @rule(sender=senders, id=ids, kind=kinds, body=bodies, life=st.sampled_from(LIVES))
    def post(self, sender, id, kind, body, life):
        name, quota = ref(kind, sender, id), kind in ("content", "system")
        fits = not quota or name in self.expiry or self.fits(kind, sender, id, body, life)
        try:
            posted = self.store.mailbox.post(
                Draft(RECEIVER, sender, id, kind, self.now + life, body), self.now, Quota(MAX_COUNT, MAX_BYTES)
            )
        except QuotaExceeded:
            assert not fits
            return
        except Conflict:
            assert name in self.expiry and self.firsts[name][1:] != (kind if quota else "report", body)
            return
        assert fits
        assert posted.new == (name not in self.expiry)
        if posted.new:
            assert posted.before == self.newest < posted.seq
            self.newest = posted.seq
            self.firsts[name] = (self.now, kind if quota else "report", body)
            self.expiry[name] = self.now + life
            self.items[name] = (kind, sender, id, body, self.now)
            for box in self.boxes.values():
                box.append(name)
        assert (posted.time, kind if quota else "report", body) == self.firsts[name]
        assert posted.waiting == len(self.boxes[PRIMARY])

    def fits(self, kind, sender, id, body, life):
        # The length of a record depends on the form of its header, so the limit of bytes is taken as the store has it.
        count, size = depth(self.store, RECEIVER)
        header = f'["{kind}","{sender.uri}","{sender.account}","{id}",{self.now},{self.now + life}]\n'
        return count < MAX_COUNT and size + len(header) + len(body.encode()) <= MAX_BYTES

    @rule(device=st.sampled_from([PRIMARY, *DEVICES]), limit=st.integers(1, 3))
    def fetch(self, device, limit):
        box = self.boxes.get(device, [])
        got, after = [], 0
        while True:
            items, more, newest = self.store.mailbox.fetch(RECEIVER, device, after, limit, self.now)
            assert [(item.kind, item.sender, item.id, item.body, item.time) for item in items] == [
                self.items[item.ref] for item in items
            ]
            got += [item.ref for item in items]
            assert newest == self.newest
            if not more:
                break
            after = items[-1].seq
        assert got == box

    @rule(device=st.sampled_from([PRIMARY, *DEVICES]), names=st.sets(st.tuples(senders, ids, kinds), max_size=6))
    def acknowledge(self, device, names):
        box = self.boxes.get(device, [])
        refs = [ref(kind, sender, id) for sender, id, kind in names]
        there = set(refs) & set(box)
        messages = {self.items[name][1:3] for name in there if name.startswith("message:")}
        dropped, told = acknowledge(self.store, RECEIVER, device, refs, self.now)
        assert dropped == len(there)
        assert {(draft.receiver, draft.id) for draft, _ in told} == messages - self.reported
        for draft, receipt in told:
            assert draft.ref == ref("ack", RECEIVER, draft.id)
            reports = self.store.mailbox.fetch(draft.receiver, PRIMARY, receipt.before, 1, self.now).items
            assert [(report.ref, report.kind, report.sender, report.id) for report in reports] == [
                (draft.ref, "ack", RECEIVER, draft.id)
            ]
        self.reported |= messages
        box[:] = [name for name in box if name not in there]

    @rule(device=st.sampled_from(DEVICES), primary=st.booleans())
    def register(self, device, primary):
        try:
            self.store.devices.seen(RECEIVER, device, "primary" if primary else "secondary", self.now)
        except Busy:
            assert not primary and device not in self.boxes and len(self.boxes) == 5
            return
        if primary:
            self.boxes.pop(device, None)
        else:
            self.boxes.setdefault(device, [])

    @rule(step=st.sampled_from([1, 60_000, DAY, 31 * DAY]), batch=st.integers(1, 3))
    def let_time_pass_and_expire(self, step, batch):
        self.now += step
        overdue = {name for name, at in self.expiry.items() if at <= self.now}
        told = []
        while found := self.store.mailbox.expired(RECEIVER, self.now, batch):
            told += [item.ref for item in found]
            self.store.mailbox.expire(RECEIVER, [item.ref for item in found], self.now)
        assert sorted(told) == sorted(overdue & self.held())
        for name in overdue:
            del self.expiry[name]
            for box in self.boxes.values():
                if name in box:
                    box.remove(name)

    @invariant()
    def the_store_holds_exactly_this(self):
        if not hasattr(self, "store"):
            return
        low = self.store.low
        assert {key.decode() for key in low.call("HKEYS", schema.mail(RECEIVER))} == self.held()
        assert {name.decode() for name in low.call("ZRANGE", schema.tombs(RECEIVER), 0, -1)} == set(self.expiry)
        assert {name.decode() for name in low.call("HKEYS", schema.firsts(RECEIVER))} == set(self.expiry)
        count, size = depth(self.store, RECEIVER)
        assert count == len(self.messages())
        assert size == sum(low.call("HSTRLEN", schema.mail(RECEIVER), name) for name in self.messages())
        for device, box in self.boxes.items():
            assert self.store.mailbox.waiting(RECEIVER, device) == len(box)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()


def test_mailboxes_do_what_the_model_does(servers):
    machine = type("Machine", (MailboxMachine,), {"server": servers[0]})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
