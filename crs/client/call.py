"""One call as one of its parties sees it: its state, what to do with it, and its media.

The states are those of the protocol: ``invite``, ``ringing``, ``talk``, ``hangup``. Never here: which calls there are
(``calls``), packets (``media``).
"""

import logging
import secrets
import time
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.queue import Queue
from msgspec import UNSET

from crs.client import offer as offers
from crs.client.connection import Client
from crs.client.secrecy import Secrecy
from crs.errors import OperatorFault, RpcError
from crs.names import Client as Name
from crs.wire.vocabulary import (
    Accept,
    Change,
    Hangup,
    Leg,
    Relayed,
    Sequenced,
    SessionAccepted,
    SessionChanged,
    SessionEnded,
    SessionOnly,
    SessionRelay,
    SessionRinging,
    SessionState,
    Stream,
)

if TYPE_CHECKING:
    from crs.client.media import Media

LOG = logging.getLogger("crs.client")

OVER = "hangup"
ORDER = ("invite", "ringing", "talk", OVER)
# Seconds without any relay's answer after which a party asks for new legs: workers have put the old ones back long
# before, where they can. The caller goes first, so that the two do not ask at once.
RELAY_PATIENCE = {"caller": 5.0, "callee": 10.0}
WATCH_PAUSE = 1.0


class Call:
    """``role``: caller or callee; ``peer``: the other party. Once it is over, ``reason`` and ``who`` are those of
    *session.ended*."""

    def __init__(self, client: Client, secrecy: Secrecy, session: str, role: str, peer: Name):
        self.session = session
        self.role = role
        self.peer = peer
        self.state = "invite"
        self.seq = 0
        self.reason = self.who = ""
        self.legs: list[Leg] = []
        self.body = ""  # what the peer sealed: the offer to a callee, the answer to a caller
        self.changes: Queue = Queue()  # SessionChanged, as they come
        self.media: Media | None = None
        self.over = Event()
        self._client = client
        self._secrecy = secrecy
        self._identity = ""
        self._offer: offers.Offer | None = None
        self._keys: list[offers.Srtp] = []  # to send and to receive with, once accepted here
        self._changed = Event()
        self._watcher: gevent.Greenlet | None = None

    @property
    def is_over(self) -> bool:
        return self.state == OVER

    def set_offer(self, identity: str, offer: offers.Offer) -> None:
        """The call is about this ``offer``, made (caller) or opened (callee), sealed under ``identity``."""
        self._identity, self._offer = identity, offer

    def wait(self, state: str, timeout: float | None = None) -> bool:
        """Wait until the call is in ``state`` or further; False when it is not within ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while ORDER.index(self.state) < ORDER.index(state):
            if not self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                return False
        return True

    def accept(self, timeout: float = 30.0) -> None:
        """Take the call. Raises Conflict or NoSuchSession where it is over or another device was first, and
        OfferRefused where the offer has nothing for this client."""
        answer, *self._keys = offers.make_answer(self._offer, secrets.token_bytes)
        caller = self._secrecy.find(*self.peer)
        body = self._secrecy.seal(caller, "answer", self._identity, offers.encode(answer))
        taken = self._client.call("session.accept", Accept(self.session, body), Sequenced, timeout)
        self.note(taken.state, taken.seq)

    def hang_up(self, reason: str = "normal") -> None:
        """End or refuse the call, in any state; one that is over stays as it is. Where the server cannot be told now,
        it hears at the next attach."""
        if self.is_over:
            return
        try:
            self._client.call("session.hangup", Hangup(self.session, reason), Sequenced)
        except RpcError as error:
            LOG.info("call %s: %s", self.session, error)
        if not self.is_over:
            self.reason, self.who = reason, self.role
        self.note(OVER, self.seq)

    def change(self, kind: str, identity: str, body: str = "", streams: list[Stream] | None = None) -> Relayed:
        """Offer other media, or answer or reject what *session.changed* offered under ``identity``."""
        params = Change(self.session, identity, kind, body, UNSET if streams is None else streams)
        relayed = self._client.call("session.change", params, Relayed)
        self.note(self.state, relayed.seq, relayed.legs)
        return relayed

    # --- media ---

    def start_media(self, speech: bytes = b"", record: str | None = None) -> "Media":
        """Begin to talk (state *talk*): play ``speech`` (L16), record to the file ``record``; ends with the call.

        Raises SealRefused or OfferRefused where the answer is not good, OperatorFault where libsrtp is not installed;
        hang up then.
        """
        try:
            from crs.client.media import Media
        except ImportError as error:
            raise OperatorFault(f"calls need libsrtp ({error}); install it: pip install pylibsrtp") from None
        send, receive = self._keys if self.role == "callee" else self._open_answer()
        self.media = Media(self.legs[0], send, receive, speech, record).start()
        self._watcher = gevent.spawn(self._watch)
        return self.media

    def _open_answer(self) -> tuple[offers.Srtp, offers.Srtp]:
        opened = self._secrecy.open(self.peer, "answer", self.body, self._identity)
        return offers.take_answer(self._offer, offers.decode(opened.plaintext, offers.Answer))

    def _watch(self) -> None:
        """While the call lasts: get new legs where no relay answers, refuse other media than this one stream."""
        patience = RELAY_PATIENCE[self.role]
        asked = time.monotonic()
        while not self.wait(OVER, WATCH_PAUSE):
            try:
                if min(self.media.unbound_for(), time.monotonic() - asked) > patience:
                    asked = time.monotonic()
                    relayed = self._client.call("session.relay", SessionOnly(self.session), Relayed, patience)
                    self.note(self.state, relayed.seq, relayed.legs)
                while not self.changes.empty():
                    told = self.changes.get()
                    if told.kind == "offer":
                        self.change("reject", told.id)
            except RpcError as error:
                LOG.info("call %s: %s", self.session, error)
        self.media.stop()

    # --- what the server says ---

    def note(self, state: str, seq: int, legs: list[Leg] | None = None) -> None:
        """Take over what is not older than what is known; a call that is over stays over."""
        if legs and seq >= self.seq:
            self.legs = legs
            if self.media is not None:
                self.media.rebind(legs[0])
        self.seq = max(self.seq, seq)
        if state not in ORDER:
            self.reason, state = self.reason or state, OVER  # responder not found, responder not connected
        if ORDER.index(state) > ORDER.index(self.state):
            self.state = state
            changed, self._changed = self._changed, Event()
            changed.set()
            if self.is_over:
                self.over.set()

    def hear(self, told) -> None:
        """Take over one notification about this call, or its entry in the list of a new registration."""
        match told:
            case SessionRinging():
                self.note("ringing", told.seq)
            case SessionAccepted():
                self.body = told.body
                self.note("talk", told.seq)
            case SessionEnded():
                if not self.is_over:
                    self.reason, self.who = told.reason, told.who
                self.note(OVER, told.seq)
            case SessionChanged():
                self.note(self.state, told.seq, told.legs)
                self.changes.put(told)
            case SessionRelay():
                self.note(self.state, told.seq, told.legs)
            case SessionState():
                self.body = (told.answer if self.role == "caller" else told.offer) or self.body
                self.note(told.state, told.seq, told.legs)
