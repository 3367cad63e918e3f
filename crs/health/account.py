"""The health of one account: its updates, and two test clients that do what clients do (manual, chapter 5).

The test clients hold a *lease* (``store.probes``) while they exist: what is left of them when this process is killed is
erased by a worker.
"""

import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import gevent

from ..errors import CrsError
from ..names import Client
from ..store import Store
from ..trust import identity, months
from ..wire.vocabulary import (
    Accept,
    Ack,
    Acked,
    Fetch,
    Fetched,
    Hangup,
    Invite,
    Invited,
    Leg,
    Post,
    Posted,
    Sequenced,
    SessionOnly,
)
from .media import PACKETS, Exchange
from .report import HealthDoubt, HealthFault, HealthReport
from .visitor import Visitor, name

SOON = 7 * months.DAY  # before the month ends: the next update should be here
RENEW = 2  # seconds between two renewals of the lease
EXPIRES = 60  # seconds that a test message may wait


class AccountCheck:
    """All tests of ``account``. ``addresses``: where test clients attach, in turn; ``clock()`` gives ms."""

    def __init__(
        self,
        store: Store,
        account: str,
        addresses: list[tuple[str, int]],
        clock: Callable[[], int],
        grace: int = months.GRACE,
    ):
        self.report = HealthReport()
        self._store = store
        self._account = account
        self._addresses = addresses
        self._clock = clock
        self._grace = grace
        self._created = {
            month: created for (owner, month), created in store.accounts.created().items() if owner == account
        }
        self._session = self._message = ""
        self._legs: tuple[Leg, ...] = ()
        self._talking = False

    def run(self) -> HealthReport:
        """Make all tests, and erase what the test clients left."""
        self.report.try_("update of this month", self._this_month)
        self.report.try_("update of the next month", self._next_month)
        self.report.try_("account loaded", self._loaded)
        run = secrets.token_hex(4)
        visitors = [self._visitor(name(self._account, index, run), index) for index in (1, 2)]
        names = [visitor.name for visitor in visitors]
        self._store.probes.lease(names, self._clock())
        keeper = gevent.spawn(self._keep, names)
        try:
            self._visit(*visitors)
        finally:
            keeper.kill()
            self._break_off(visitors[0])
            for visitor in visitors:
                visitor.close()
            self.report.try_("clean up", lambda: self._clean_up(names))
        return self.report

    # --- updates ----------------------------------------------------------------------------------------------------

    def _this_month(self) -> str:
        month = months.of(self._clock())
        if month in self._created:
            return f"{month} is here, created {self._age(month)} days ago"
        usable = [held for held in self._created if months.usable(held, self._clock(), self._grace)]
        if usable:
            raise HealthDoubt(f"{month} is missing; clients attach with the keys of {max(usable)}")
        raise HealthFault(f"{month} is missing; get it from the CMS, then: crs-cli apply <update-file>")

    def _next_month(self) -> str:
        month = months.after(months.of(self._clock()))
        if month in self._created:
            return f"{month} is here, created {self._age(month)} days ago"
        left = (months.start(month) - self._clock()) // months.DAY
        if months.start(month) - self._clock() < SOON:
            raise HealthDoubt(f"{month} is missing, and begins in {left} days")
        return f"{month} is not here yet; it begins in {left} days"

    def _age(self, month: str) -> int:
        return max(0, self._clock() - self._created[month]) // months.DAY

    def _loaded(self) -> str:
        workers = self._store.directory.processes(self._clock())
        missing = [worker.name for worker in workers if self._account not in worker.accounts]
        if missing or not workers:
            raise HealthFault(f"not loaded by {', '.join(missing) or 'any process'}")
        return f"by {', '.join(worker.name for worker in workers)}"

    # --- test clients -----------------------------------------------------------------------------------------------

    def _visitor(self, client: Client, index: int) -> Visitor:
        return Visitor(client, self._addresses[(index - 1) % len(self._addresses)], self._credentials(client))

    def _credentials(self, client: Client) -> list[tuple[str, bytes]]:
        """PSK identities and keys, as the CMS would have made them: of every usable month, the current one first."""
        now = self._clock()
        usable = [month for month in self._created if months.usable(month, now, self._grace)]
        found = []
        for month in sorted(usable, key=lambda month: (month != months.of(now), month)):
            update = self._store.accounts.update(self._account, month)
            if update is not None:  # None: deleted since it was listed
                who = identity.client_identity(self._account, month, client.uri, update.month_key)
                found.append((who, identity.psk(update.month_key, who)))
        return found

    def _keep(self, names: list[Client]) -> None:
        while True:
            gevent.sleep(RENEW)
            self._store.probes.lease(names, self._clock())

    def _visit(self, caller: Visitor, callee: Visitor) -> None:
        attached = self.report.chain(
            {"attach test-1": lambda: self._attach(caller), "attach test-2": lambda: self._attach(callee)}
        )
        because = None if attached else "attach"
        self.report.chain(
            {
                "call": lambda: self._call(caller, callee),
                "accept": lambda: self._accept(caller, callee),
                "media": self._media,
                "hang up": lambda: self._hang_up(caller, callee),
            },
            because,
        )
        self.report.chain(
            {
                "message post": lambda: self._post(caller, callee),
                "message fetch": lambda: self._fetch(callee),
                "message acknowledge": lambda: self._acknowledge(caller, callee),
            },
            because,
        )

    def _attach(self, visitor: Visitor) -> str:
        if not visitor.has_keys:
            raise HealthFault("no update that is good now, so no key to attach with")
        began = time.monotonic()
        registered = visitor.attach()
        return (
            f"{visitor.name.uri} registered on {registered.host} {registered.worker} "
            f"at {visitor.address[0]} within {_ms(began)} ms"
        )

    def _call(self, caller: Visitor, callee: Visitor) -> str:
        began = time.monotonic()
        invited = caller.call("session.invite", Invite(secrets.token_hex(8), callee.name.uri), Invited)
        self._session, self._talking = invited.session, True
        incoming = callee.hear("session.incoming", self._of_ours)
        self._legs = (invited.legs[0], incoming.legs[0])
        callee.call("session.ringing", SessionOnly(self._session), Sequenced)
        caller.hear("session.ringing", self._of_ours)
        return f"test-2 rang, and test-1 knew, within {_ms(began)} ms"

    def _accept(self, caller: Visitor, callee: Visitor) -> str:
        callee.call("session.accept", Accept(self._session), Sequenced)
        caller.hear("session.accepted", self._of_ours)
        return "test-2 took the call, and test-1 was told"

    def _media(self) -> str:
        caller, callee = self._legs
        exchange = Exchange(caller, callee)
        relay = ", ".join(f"{candidate.ip}:{candidate.port}" for candidate in caller.candidates)
        if not exchange.bound:
            raise HealthFault(f"the relay at {relay} does not answer")
        told = f"{exchange.arrived[0]} and {exchange.arrived[1]} of {PACKETS} packets came through the relay at {relay}"
        if 0 in exchange.arrived:
            raise HealthFault(told)
        if sum(exchange.arrived) < 2 * PACKETS:
            raise HealthDoubt(told)
        return told

    def _hang_up(self, caller: Visitor, callee: Visitor) -> str:
        caller.call("session.hangup", Hangup(self._session), Sequenced)
        self._talking = False
        callee.hear("session.ended", self._of_ours)
        return "test-1 hung up, and test-2 was told"

    def _break_off(self, caller: Visitor) -> None:
        """End a call that is still under way, because a test failed or the operator ended the check."""
        if self._talking:
            with contextlib.suppress(CrsError):
                caller.call("session.hangup", Hangup(self._session, "error"), Sequenced)

    def _of_ours(self, told: Any) -> bool:
        return bool(told.session == self._session)

    def _post(self, caller: Visitor, callee: Visitor) -> str:
        began = time.monotonic()
        self._message = secrets.token_hex(8)
        caller.call(
            "message.post", Post(self._message, callee.name.uri, secrets.token_hex(16), expires=EXPIRES), Posted
        )
        callee.hear("message.waiting")
        return f"stored, and test-2 was told, within {_ms(began)} ms"

    def _fetch(self, callee: Visitor) -> str:
        if [item.id for item in callee.call("message.fetch", Fetch(), Fetched).messages] != [self._message]:
            raise HealthFault("test-2 did not find the message in its mailbox")
        return "test-2 fetched it"

    def _acknowledge(self, caller: Visitor, callee: Visitor) -> str:
        fetched = callee.call("message.fetch", Fetch(), Fetched).messages
        callee.call("message.ack", Ack([item.ref for item in fetched]), Acked)
        reports = [(item.kind, item.id) for item in caller.call("message.fetch", Fetch(), Fetched).messages]
        if reports != [("ack", self._message)]:
            raise HealthFault("test-1 was not told that test-2 has it")
        return "test-1 was told that test-2 has it"

    def _clean_up(self, names: list[Client]) -> str:
        self._store.probes.erase(names, [self._session] if self._session else [])
        return "nothing is left of the test clients"


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
