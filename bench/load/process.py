"""One load process: a Loop of its own, on its own core, told what to do over a pipe.

Lives here: the few orders that benchmarks give, and what is reported back. The parent calls ``LoadProcess`` methods;
the child carries them out and otherwise serves its connections.
"""

import gc
import multiprocessing
import os
import random
import time
from collections.abc import Sequence

from ..common import cpu_seconds
from . import calls, crs, mqtt, xmpp
from .loop import Loop, Refused, attach
from .tally import Pair, Tally

PROTOCOLS = {"crs": crs, "xmpp": xmpp, "mqtt": mqtt}
DRAIN = 20.0  # seconds that what is under way may take after the end of a run


class LoadFailed(Exception):
    """The load could not do what was asked; the text says why."""


class LoadProcess:
    """The parent's side. Every order waits for its answer, a dict, unless it is begun with ``start``."""

    def __init__(self, protocol: str, cores: Sequence[int]):
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._child = context.Process(target=_serve, args=(theirs, self._pipe, protocol, cores), daemon=True)
        self._child.start()
        theirs.close()

    def start(self, order: str, *arguments) -> None:
        self._pipe.send((order, arguments))

    def answer(self):
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise LoadFailed("the load process is gone") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def do(self, order: str, *arguments):
        self.start(order, *arguments)
        return self.answer()

    def stop(self) -> None:
        try:
            self._pipe.close()
        finally:
            self._child.join(10)
            if self._child.is_alive():
                self._child.kill()
                self._child.join()


def _serve(pipe, parents_end, protocol: str, cores) -> None:
    parents_end.close()
    os.sched_setaffinity(0, cores)
    gc.disable()  # links are in cycles only while they live; a pause of the load would be taken for the server's
    load = Load(PROTOCOLS[protocol])
    load.loop.reader(pipe.fileno(), lambda: load.take(pipe))
    while not load.ended:
        load.loop.turn(1.0)


class Load:
    """The child's side: one method an order."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.loop = Loop()
        self.ended = False
        self._askers: list = []
        self._asked: list[float] = []
        self.held: calls.Held | None = None

    def take(self, pipe) -> None:
        try:
            order, arguments = pipe.recv()
        except EOFError:
            self.ended = True
            return
        try:
            answer = getattr(self, order)(*arguments)
        except (Refused, LoadFailed, OSError) as error:
            answer = LoadFailed(f"{order}: {error}")
        pipe.send(answer)

    # --- attaching

    def attach(self, whos, in_flight: int, seconds: float, conversation: str = "idle") -> dict:
        """Attach these clients; they stay. Fails unless all are registered in time."""
        talk = getattr(self.protocol, conversation)
        before, self.loop.attach_times = self.loop.registered, []
        busy = time.process_time()
        took = attach(
            self.loop, [lambda who=who: self.protocol.open(self.loop, who, talk) for who in whos], in_flight, seconds
        )
        busy = time.process_time() - busy
        attached = len(self.loop.attach_times)
        self._check(attached == len(whos), f"{attached} of {len(whos)} attached in {took:.1f} s")
        self._check(conversation == "handshake" or self.loop.registered - before == attached, "some left again")
        return {"attached": attached, "seconds": took, "load busy": busy / took, "times": self.loop.attach_times}

    def registered(self) -> dict:
        """How many are still attached."""
        self.loop.turn(0)
        self._check(not self.loop.failures, "clients were lost")
        return {"registered": self.loop.registered}

    def leave(self) -> dict:
        """All leave."""
        self.loop.close_all()
        self.loop.failures.clear()
        return {}

    def leave_but_askers(self) -> dict:
        """All leave but those who ask regularly."""
        for link in set(self.loop.links.values()) - set(self._askers):
            link.close()
        self.loop.failures.clear()
        self.loop.run(lambda: False, 0.1)
        return {}

    def ask_regularly(self, whos, each: float) -> dict:
        """Attach clients that ask something small every ``each`` seconds, at times of their own."""
        links = self._askers
        source = random.Random(1)

        def again(link) -> None:
            if link.loop.links.get(link.sock.fileno()) is link:
                link.resume(self.protocol.GO)
                self.loop.later(each, lambda: again(link))

        attach(
            self.loop,
            [
                lambda who=who: links.append(
                    self.protocol.open(self.loop, who, self.protocol.asking(self._asked, time.monotonic))
                )
                for who in whos
            ],
            20,
            30.0,
        )
        self._check(self.loop.registered >= len(whos), "the askers are not attached")
        for link in links:
            self.loop.later(each * source.random(), lambda link=link: again(link))
        return {}

    def asked(self) -> dict:
        """The seconds each answer took since this was asked last."""
        times = self._asked[:]
        self._asked.clear()
        return {"times": times}

    # --- messages

    def messages(self, pairs, online: bool, seconds: float, pids) -> dict:
        """Exchange messages between (sender, receiver) pairs for ``seconds``; counted at the receivers. ``pids``: the
        server's, whose CPU time is told for the same seconds."""
        loop, protocol = self.loop, self.protocol
        tally = Tally(online, seconds)
        tally.pairs = [Pair(tally, *pair) for pair in pairs]
        if not online and protocol is mqtt:  # a topic is kept for those who have subscribed once
            self._open([(pair.receiver, protocol.idle) for pair in tally.pairs])
            loop.close_all()
        senders = self._open([(pair.sender, protocol.sender(pair, online)) for pair in tally.pairs])
        if online:
            self._open([(pair.receiver, protocol.receiver(pair)) for pair in tally.pairs])
        loop.run(lambda: False, 0.3)
        tally.begin()
        cpu, busy, began = cpu_seconds(pids), time.process_time(), time.monotonic()
        for link in senders:
            link.resume(protocol.GO)
        loop.run(tally.over, seconds + 1)
        done, took, busy = len(tally.times), time.monotonic() - began, time.process_time() - busy
        cpu = cpu_seconds(pids) - cpu
        times = tally.times[:done]
        loop.run(tally.idle, DRAIN)
        if not online:
            self._open([(pair.receiver, protocol.receiver(pair)) for pair in tally.pairs])
        loop.run(lambda: not tally.faults(), DRAIN)
        self._check(not tally.faults(), "; ".join(tally.faults()))
        loop.run(lambda: False, 0.3)  # what comes twice would come now
        self._check(not tally.faults(), "; ".join(tally.faults()))
        total = sum(pair.posted for pair in tally.pairs)
        loop.close_all()
        return {
            "done": done,
            "seconds": took,
            "load busy": busy / took,
            "times": times,
            "checked": total,
            "server cpu": cpu,
        }

    # --- calls (of the CRS)

    def setups(self, pairs, seconds: float, pids) -> dict:
        """Calls between (caller, callee) pairs, set up and ended one after another for ``seconds``."""
        setups = calls.Setups(seconds)
        callers = self._open_calls(setups, pairs, None)
        setups.begin()
        cpu, busy, began = cpu_seconds(pids), time.process_time(), time.monotonic()
        for link in callers:
            link.resume(self.protocol.GO)
        self.loop.run(setups.over, seconds + 1)
        done, took, busy = len(setups.times), time.monotonic() - began, time.process_time() - busy
        cpu, times = cpu_seconds(pids) - cpu, setups.times[:done]
        self.loop.run(lambda: not setups.faults(), DRAIN)
        self._check(not setups.faults(), "; ".join(setups.faults()))
        self.loop.close_all()
        return {
            "done": done,
            "seconds": took,
            "load busy": busy / took,
            "times": times,
            "server cpu": cpu,
            "checked": setups.ended,
        }

    def hold(self, pairs, seconds: float) -> dict:
        """Set up a call between each pair, a few at a time, and bind both legs; they are held."""
        setups = calls.Setups(0)
        self.held = self.held or calls.Held(self.loop)
        callers = self._open_calls(setups, pairs, self.held)
        began = time.monotonic()
        for at, link in enumerate(callers):
            link.resume(self.protocol.GO)
            self.loop.run(lambda at=at: setups.accepted > at - 16, seconds)
        self._check(
            self.loop.run(lambda: setups.accepted == len(pairs), seconds), f"{setups.accepted} calls of {len(pairs)}"
        )
        took = time.monotonic() - began
        self._check(self.loop.run(self.held.bound, seconds), "not all legs are bound")
        return {"held": len(self.held.ears) // 2, "seconds": took}

    def media(self, each: float, seconds: float) -> dict:
        """Every held leg sends a packet each ``each`` seconds; all are counted where they arrive."""
        before = self.held.counts()
        busy, began = time.process_time(), time.monotonic()
        self.held.send(each)
        self.loop.run(lambda: False, seconds)
        self.held.quiet()
        took, busy = time.monotonic() - began, time.process_time() - busy
        self.loop.run(lambda: False, 0.5)
        sent, heard = (now - then for now, then in zip(self.held.counts(), before))
        self._check(not self.loop.failures, "clients were lost")
        return {"sent": sent, "heard": heard, "seconds": took, "load busy": busy / took}

    def let_go(self) -> dict:
        """The clients leave; the calls end as the server finds."""
        self.held.close()
        self.loop.close_all()
        return {}

    def _open_calls(self, setups, pairs, held) -> list:
        opened: list = []
        openers = [one for pair in pairs for one in calls.open_pair(self.loop, setups, pair, held)]
        before = self.loop.registered
        attach(self.loop, [lambda one=one: opened.append(one()) for one in openers], 64, 120.0)
        self._check(self.loop.registered - before == len(openers), "not all are attached")
        return opened[1::2]

    # --- both

    def _open(self, wanted) -> list:
        links: list = []
        before = self.loop.registered
        attach(
            self.loop,
            [lambda who=who, talk=talk: links.append(self.protocol.open(self.loop, who, talk)) for who, talk in wanted],
            32,
            60.0,
        )
        self._check(
            self.loop.registered - before == len(wanted), f"{self.loop.registered - before} of {len(wanted)} attached"
        )
        return links

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            reasons = ", ".join(f"{count} x {why}" for why, count in self.loop.failures.most_common(3))
            raise LoadFailed(f"{what}{': ' if reasons else ''}{reasons}")
