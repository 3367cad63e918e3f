"""The calls of one client: which there are, and which notification belongs to which.

A call itself is in ``call``. After a reconnect the server's list decides: calls that it no longer has are over.
"""

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable

import gevent
from gevent.queue import Empty, Queue

from crs.client import offer as offers
from crs.client.call import ClientCall, Notice
from crs.client.connection import ClientConnection
from crs.client.secrecy import Secrecy
from crs.errors import RpcError
from crs.loop.clock import wall_clock
from crs.names import Client
from crs.trust.e2e import SealRefused
from crs.wire.vocabulary import (
    Hangup,
    Invite,
    Invited,
    Leg,
    Registered,
    Sequenced,
    SessionAccepted,
    SessionEnded,
    SessionIncoming,
    SessionOnly,
    SessionState,
)

LOG = logging.getLogger("crs.client")

OFFER_LIFETIME = 600_000  # ms between the time of an offer and ours: bounds how long an offer must be remembered
KEPT = 64  # notifications kept for calls whose invite is not answered yet; ended calls remembered


class ClientCalls:
    """All calls of one client on this device."""

    def __init__(
        self,
        client: ClientConnection,
        secrecy: Secrecy,
        clock: Callable[[], int] = wall_clock,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ):
        self._client = client
        self._secrecy = secrecy
        self._clock = clock
        self._random_bytes = random_bytes
        self._calls: dict[str, ClientCall] = {}
        self._incoming: Queue[ClientCall] = Queue()
        self._inviting = 0
        self._early: deque[Notice] = deque(maxlen=KEPT)
        self._past: deque[str] = deque(maxlen=KEPT)
        self._offers: dict[str, int] = {}  # id of each offer taken -> its time, so that none is taken twice
        client.hear("registered", self._reconcile)
        client.hear("session.incoming", self._ring)
        for method in (
            "session.ringing",
            "session.accepted",
            "session.ended",
            "session.changed",
            "session.relay",
            "session.state",
        ):
            client.hear(method, self._route)

    def invite(self, to: str, account: str | None = None, timeout: float = 30.0) -> ClientCall:
        """Call ``to``: returns as soon as the server has the call, before it is answered.

        Raises what the server answers (NotConnected, NotFound, ...), and TokenRefused where the callee's keys are not
        authentic.
        """
        identity = secrets.token_hex(12)
        offer = offers.make_offer(self._random_bytes)
        callee = self._secrecy.find(to, account)
        body = self._secrecy.seal(callee, "offer", identity, offers.encode(offer))
        request = Invite(identity, callee.name.uri, body, callee.name.account)
        self._inviting += 1
        try:
            invited = self._client.call("session.invite", request, Invited, timeout)
        finally:
            self._inviting -= 1
        call = ClientCall(self._client, self._secrecy, invited.session, "caller", callee.name)
        call.set_offer(identity, offer)
        call.note(invited.state, invited.seq, invited.legs)
        self._keep(call)
        for params in list(self._early):
            if params.session == call.session:
                self._route(params)
        return call

    def next_incoming(self, timeout: float | None = None) -> ClientCall | None:
        """Wait for a call; None after ``timeout`` seconds. Its offer is authentic, and the caller has been told that it
        rings; a call whose offer is not authentic is refused and not returned."""
        deadline = time.monotonic() + timeout if timeout is not None else None
        while True:
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                call = self._incoming.get(timeout=left)
            except Empty:
                return None
            if not call.is_over and self._examine(call):
                return call

    def live(self) -> list[ClientCall]:
        return [call for call in self._calls.values() if not call.is_over]

    # --- incoming ---

    def _examine(self, call: ClientCall) -> bool:
        """Open the offer of an incoming call and tell the caller that it rings."""
        try:
            opened = self._secrecy.open(call.peer, "offer", call.body)
            self._take_once(opened.id, opened.time)
            call.set_offer(opened.id, offers.decode(opened.plaintext, offers.MediaOffer))
        except (SealRefused, offers.OfferRefused) as refusal:
            LOG.warning("call from %s refused: %s", call.peer, refusal)
            self._hang_up(call.session)
            return False
        try:
            self._client.call("session.ringing", SessionOnly(call.session), Sequenced)
        except RpcError as error:
            LOG.info("call from %s: %s", call.peer, error)
        return not call.is_over

    def _take_once(self, identity: str, made: int) -> None:
        """Refuse an offer that is old or was taken before: a replay would bring back the keys of an old call."""
        now = self._clock()
        if abs(now - made) > OFFER_LIFETIME:
            raise offers.OfferRefused(f"the offer was made {abs(now - made) // 1000} s before or after now")
        if identity in self._offers:
            raise offers.OfferRefused("the offer was taken before")
        self._offers = {known: then for known, then in self._offers.items() if now - then <= 2 * OFFER_LIFETIME}
        self._offers[identity] = made

    def _hang_up(self, session: str) -> None:
        try:
            self._client.call("session.hangup", Hangup(session, "error"), Sequenced)
        except RpcError as error:
            LOG.info("not hung up: %s", error)

    # --- notifications: in the reading greenlet, which must not wait ---

    def _ring(self, told: SessionIncoming) -> None:
        known = self._calls.get(told.session)
        if known is not None:
            known.note(known.state, told.seq, told.legs)
        elif told.session not in self._past:
            self._add_incoming(told.session, Client(told.uri, told.account), told.body, "invite", told.seq, told.legs)

    def _add_incoming(self, session: str, peer: Client, body: str, state: str, seq: int, legs: list[Leg]) -> None:
        call = ClientCall(self._client, self._secrecy, session, "callee", peer)
        call.body = body
        call.note(state, seq, legs)
        self._keep(call)
        self._incoming.put(call)

    def _keep(self, call: ClientCall) -> None:
        for over in [known for known in self._calls.values() if known.is_over]:
            self._let_go(over)
        self._calls[call.session] = call

    def _let_go(self, call: ClientCall) -> None:
        del self._calls[call.session]
        self._past.append(call.session)

    def _route(self, params: Notice) -> None:
        call = self._calls.get(params.session)
        if call is not None:
            call.hear(params)
            if call.is_over:
                self._let_go(call)
        elif self._inviting:
            self._early.append(params)
        elif isinstance(params, SessionAccepted):
            gevent.spawn(self._hang_up, params.session)  # an invite that was given up before its answer came

    def _reconcile(self, registered: Registered) -> None:
        listed = {state.session: state for state in registered.sessions}
        for call in list(self._calls.values()):
            state = listed.pop(call.session, None)
            if state is None:
                self._route(SessionEnded(call.session, call.seq, "ended-while-away", "crs"))
            elif call.is_over:
                gevent.spawn(self._hang_up, call.session)  # the server could not be told before
            else:
                self._route(state)
        for state in listed.values():
            self._adopt(state)

    def _adopt(self, state: SessionState) -> None:
        """A call that the server has and this process does not: it rang while this client was detached, or
        its invite is being answered just now, or an earlier process of this device left it, and its keys are lost."""
        if state.role == "callee" and state.state in ("invite", "ringing") and state.session not in self._past:
            self._add_incoming(
                state.session, Client(state.uri, state.account), state.offer, state.state, state.seq, state.legs
            )
        elif self._inviting and state.role == "caller":
            self._early.append(state)
        else:
            gevent.spawn(self._hang_up, state.session)
