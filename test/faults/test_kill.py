"""kill -9 of any one process, at any moment, under load: nothing acknowledged is lost, nothing is shown twice."""

import os
import random
import time

import gevent
from gevent.event import Event

from ..hosts import Domain, running, wait_for
from .conftest import store
from .load import HeldCall, Pair

SEED = int(os.environ.get("CRS_TEST_SEED", "20261122"))
KILLS = 50
PAIRS, RATE, CALLS = 12, 20, 3  # 240 posts a second


def test_no_kill_loses_or_repeats_a_message(tmp_path):
    source = random.Random(SEED)
    uris = [f"+4670000{number:04d}" for number in range(2 * PAIRS + 2 * CALLS)]
    with running(tmp_path) as host:
        domain = Domain(host, "acme", uris)
        pairs = [
            Pair(host, domain, uris[2 * number], uris[2 * number + 1], RATE, random.Random(SEED + number))
            for number in range(PAIRS)
        ]
        calls = [HeldCall(host, domain, *uris[2 * PAIRS + 2 * number :][:2]) for number in range(CALLS)]
        for call in calls:
            call.connect()
        stop = Event()
        posting = [greenlet for pair in pairs for greenlet in pair.start(stop)]
        began = time.monotonic()
        wait_for(lambda: all(pair.acknowledged for pair in pairs), "load runs")
        for _ in range(KILLS):
            gevent.sleep(source.uniform(0.1, 1.7))
            kill_one(host, source)
        stop.set()
        gevent.joinall(posting, timeout=150, raise_error=True)
        assert all(greenlet.dead for greenlet in posting)
        took = time.monotonic() - began
        wait_for(lambda: all(pair.settled() for pair in pairs), "all is seen and reported", patience=90)
        for load in [*pairs, *calls]:
            load.check()
        with store(host, "redis_low") as low:
            wait_for(lambda: not list(low.scan_iter("mail:*")), "no mailbox holds what its client has acknowledged")
        posts = sum(len(pair.acknowledged) for pair in pairs)
        print(
            f"\n{KILLS} kills, {posts} posts acknowledged in {took:.0f} s ({posts / took:.0f}/s), "
            f"{sum(pair.retried for pair in pairs)} retried after their acknowledgement, seed {SEED}"
        )
        for load in [*pairs, *calls]:
            load.close()
        assert host.stop() == 0


def kill_one(host, source: random.Random) -> None:
    """Kill one process; the supervisor is then started again by hand, everything else comes back by itself."""
    names = sorted(wait_for(host.pids, "processes known")) + ["supervisor"]
    name = source.choice(names)
    try:
        pid = host.kill(name)
    except ProcessLookupError:  # it is just being restarted after the last kill
        return
    if name == "supervisor":
        wait_for(lambda: host.process.poll() is not None, "supervisor dead")
        host.start()
    else:
        wait_for(lambda: host.pids().get(name) not in (None, pid), f"{name} is back")
