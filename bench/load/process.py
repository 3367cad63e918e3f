"""One load process: a LoadLoop on a core of its own, controlled over a pipe.

The parent calls the methods of ``LoadProcess``; the child carries out the orders in ``LoadWorker`` and otherwise serves
its connections.
"""

import gc
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

from ..common import cpu_seconds
from . import calls, crs, mqtt, xmpp
from .ledger import Ledger, Pair
from .link import LoadRefused, TlsLink
from .loop import LoadLoop, attach

PROTOCOLS = {"crs": crs, "xmpp": xmpp, "mqtt": mqtt}
Users = Sequence[Any]  # of the protocol in use
Pairs = Sequence[tuple[Any, Any]]  # of users
DRAIN = 20.0  # seconds that requests under way may take after the end of a run


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

    def start(self, order: str, *arguments: Any) -> None:
        self._pipe.send((order, arguments))

    def answer(self) -> dict[str, Any]:
        try:
            answer: dict[str, Any] | Exception = self._pipe.recv()
        except EOFError:
            raise LoadFailed("the load process is gone") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def do(self, order: str, *arguments: Any) -> dict[str, Any]:
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


def _serve(pipe: Connection, parents_end: Connection, protocol: str, cores: Sequence[int]) -> None:
    parents_end.close()
    os.sched_setaffinity(0, cores)
    gc.disable()  # links are in cycles only while they live; a pause of the load would count as one of the server
    load = LoadWorker(PROTOCOLS[protocol])
    load.loop.reader(pipe.fileno(), lambda: load.take(pipe))
    while not load.ended:
        load.loop.turn(1.0)


def _more_than(setups: calls.Setups, count: int) -> bool:
    return setups.accepted > count


class LoadWorker:
    """The child's side: one method an order."""

    def __init__(self, protocol: ModuleType):
        self.protocol = protocol
        self.loop = LoadLoop()
        self.ended = False
        self._askers: list[TlsLink] = []
        self._asked: list[float] = []
        self.held: calls.HeldCalls | None = None

    def take(self, pipe: Connection) -> None:
        try:
            order, arguments = pipe.recv()
        except EOFError:
            self.ended = True
            return
        try:
            answer: dict[str, Any] | LoadFailed = getattr(self, order)(*arguments)
        except (LoadRefused, LoadFailed, OSError) as error:
            answer = LoadFailed(f"{order}: {error}")
        pipe.send(answer)

    # --- attaching

    def attach(self, whos: Users, in_flight: int, seconds: float, conversation: str = "idle") -> dict[str, Any]:
        """Attach these clients; they stay. Fails unless all are registered in time."""
        talk = getattr(self.protocol, conversation)
        before, self.loop.attach_times = self.loop.registered, []
        busy = time.process_time()
        took = attach(
            self.loop, [partial(self.protocol.open, self.loop, who, talk) for who in whos], in_flight, seconds
        )
        busy = time.process_time() - busy
        attached = len(self.loop.attach_times)
        self._check(attached == len(whos), f"{attached} of {len(whos)} attached in {took:.1f} s")
        self._check(conversation == "handshake" or self.loop.registered - before == attached, "some left again")
        return {"attached": attached, "seconds": took, "load busy": busy / took, "times": self.loop.attach_times}

    def registered(self) -> dict[str, Any]:
        """How many are still attached."""
        self.loop.turn(0)
        self._check(not self.loop.failures, "clients were lost")
        return {"registered": self.loop.registered}

    def leave(self) -> dict[str, Any]:
        """All leave."""
        self.loop.close_all()
        self.loop.failures.clear()
        return {}

    def leave_but_askers(self) -> dict[str, Any]:
        """All leave but those who ask regularly."""
        for link in set(self.loop.links.values()) - set(self._askers):
            link.close()
        self.loop.failures.clear()
        self.loop.run(lambda: False, 0.1)
        return {}

    def ask_regularly(self, whos: Users, each: float) -> dict[str, Any]:
        """Attach clients that ask something small every ``each`` seconds, at times of their own."""
        source = random.Random(1)

        def again(link: TlsLink) -> None:
            if link.loop.links.get(link.sock.fileno()) is link:
                link.resume(self.protocol.GO)
                self.loop.later(each, lambda: again(link))

        for link in self._open([(who, self.protocol.asking(self._asked, time.monotonic)) for who in whos]):
            self._askers.append(link)
            self.loop.later(each * source.random(), partial(again, link))
        return {}

    def asked(self) -> dict[str, Any]:
        """The seconds each answer took since this was asked last."""
        times = self._asked[:]
        self._asked.clear()
        return {"times": times}

    # --- messages

    def messages(self, pairs: Pairs, online: bool, seconds: float, pids: list[int]) -> dict[str, Any]:
        """Exchange messages between (sender, receiver) pairs for ``seconds``; counted at the receivers. ``pids``: the
        server's, whose CPU time is told for the same seconds."""
        loop, protocol = self.loop, self.protocol
        ledger = Ledger(online, seconds)
        ledger.pairs = [Pair(ledger, *pair) for pair in pairs]
        if not online and protocol is mqtt:  # a topic is kept for clients that have subscribed once
            self._open([(pair.receiver, protocol.idle) for pair in ledger.pairs])
            loop.close_all()
        senders = self._open([(pair.sender, protocol.sender(pair, online)) for pair in ledger.pairs])
        if online:
            self._open([(pair.receiver, protocol.receiver(pair)) for pair in ledger.pairs])
        loop.run(lambda: False, 0.3)
        ledger.begin()
        cpu, busy, began = cpu_seconds(pids), time.process_time(), time.monotonic()
        for link in senders:
            link.resume(protocol.GO)
        loop.run(ledger.over, seconds + 1)
        done, took, busy = len(ledger.times), time.monotonic() - began, time.process_time() - busy
        cpu = cpu_seconds(pids) - cpu
        times = ledger.times[:done]
        loop.run(ledger.idle, DRAIN)
        if not online:
            self._open([(pair.receiver, protocol.receiver(pair)) for pair in ledger.pairs])
        loop.run(lambda: not ledger.faults(), DRAIN)
        self._check(not ledger.faults(), "; ".join(ledger.faults()))
        loop.run(lambda: False, 0.3)  # duplicates would arrive now
        self._check(not ledger.faults(), "; ".join(ledger.faults()))
        total = sum(pair.posted for pair in ledger.pairs)
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

    def setups(self, pairs: Pairs, seconds: float, pids: list[int]) -> dict[str, Any]:
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

    def hold(self, pairs: Pairs, seconds: float) -> dict[str, Any]:
        """Set up a call between each pair, a few at a time, and bind both legs; they are held."""
        setups = calls.Setups(0)
        self.held = self.held or calls.HeldCalls(self.loop)
        callers = self._open_calls(setups, pairs, self.held)
        began = time.monotonic()
        for at, link in enumerate(callers):
            link.resume(self.protocol.GO)
            self.loop.run(partial(_more_than, setups, at - 16), seconds)
        self._check(
            self.loop.run(lambda: setups.accepted == len(pairs), seconds), f"{setups.accepted} calls of {len(pairs)}"
        )
        took = time.monotonic() - began
        self._check(self.loop.run(self.held.bound, seconds), "not all legs are bound")
        return {"held": len(self.held.ears) // 2, "seconds": took}

    def media(self, each: float, seconds: float) -> dict[str, Any]:
        """Every held leg sends a packet each ``each`` seconds; all are counted where they arrive."""
        held = self._held()
        before = held.counts()
        busy, began = time.process_time(), time.monotonic()
        held.send(each)
        self.loop.run(lambda: False, seconds)
        held.quiet()
        took, busy = time.monotonic() - began, time.process_time() - busy
        self.loop.run(lambda: False, 0.5)
        sent, heard = (now - then for now, then in zip(held.counts(), before, strict=True))
        self._check(not self.loop.failures, "clients were lost")
        return {"sent": sent, "heard": heard, "seconds": took, "load busy": busy / took}

    def _held(self) -> calls.HeldCalls:
        if self.held is None:
            raise LoadFailed("no call is held")
        return self.held

    def let_go(self) -> dict[str, Any]:
        """The clients leave; the server notices that the calls are over."""
        self._held().close()
        self.loop.close_all()
        return {}

    def _open_calls(self, setups: calls.Setups, pairs: Pairs, held: calls.HeldCalls | None) -> list[TlsLink]:
        openers = [opener for pair in pairs for opener in calls.open_pair(self.loop, setups, pair, held)]
        return self._attach_all(openers, 64, 120.0)[1::2]

    # --- both

    def _open(self, wanted: list[tuple[Any, Any]]) -> list[TlsLink]:
        """Attach (user, conversation) pairs."""
        return self._attach_all([partial(self.protocol.open, self.loop, *each) for each in wanted], 32, 60.0)

    def _attach_all(self, openers: list[Callable[[], TlsLink]], in_flight: int, seconds: float) -> list[TlsLink]:
        links: list[TlsLink] = []

        def open_with(opener: Callable[[], TlsLink]) -> None:
            links.append(opener())

        before = self.loop.registered
        attach(self.loop, [partial(open_with, opener) for opener in openers], in_flight, seconds)
        attached = self.loop.registered - before
        self._check(attached == len(openers), f"{attached} of {len(openers)} attached")
        return links

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            reasons = ", ".join(f"{count} x {why}" for why, count in self.loop.failures.most_common(3))
            raise LoadFailed(f"{what}{': ' if reasons else ''}{reasons}")
