"""One call as one of its parties sees it: its state, what to do with it, and its media.

The states are those of the protocol: ``invite``, ``ringing``, ``talk``, ``hangup``. ``calls`` holds the calls of a
client, ``media`` the packets.
"""

import logging
import secrets
import time
from typing import TYPE_CHECKING, Literal

import gevent
from gevent.event import Event
from gevent.queue import Queue
from msgspec import UNSET

from crs.client import offer as offers
from crs.client.connection import ClientConnection
from crs.client.secrecy import Secrecy
from crs.errors import OperatorFault, RpcError
from crs.names import Client
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

if TYPE_CHECKING:  # needs libsrtp, which only calls need
    from crs.client.media import Media

Role = Literal["caller", "callee"]
Reason = Literal["normal", "busy", "declined", "cancelled", "error"]
Notice = SessionRinging | SessionAccepted | SessionEnded | SessionChanged | SessionRelay | SessionState

LOG = logging.getLogger("crs.client")

OVER = "hangup"
ORDER = ("invite", "ringing", "talk", OVER)
# Seconds without an answer of any relay after which a party asks for new legs; workers restore the old ones sooner if
# they can. The caller asks first, so that the two do not ask at the same time.
RELAY_PATIENCE: dict[Role, float] = {"caller": 5.0, "callee": 10.0}
WATCH_PAUSE = 1.0


class ClientCall:
    """``peer``: the other party. When the call is over, ``reason`` and ``who`` are those of *session.ended*."""

    def __init__(self, client: ClientConnection, secrecy: Secrecy, session: str, role: Role, peer: Client):
        self.session = session
        self.role = role
        self.peer = peer
        self.state = "invite"
        self.seq = 0
        self.reason = self.who = ""
        self.legs: list[Leg] = []
        self.body = ""  # sealed by the peer: the offer for a callee, the answer for a caller
        self.changes: Queue[SessionChanged] = Queue()
        self.media: Media | None = None
        self.over = Event()
        self._client = client
        self._secrecy = secrecy
        self._identity = ""
        self._offer = offers.MediaOffer(1, [])
        self._keys: list[offers.Srtp] = []  # to send and to receive with, once accepted here
        self._changed = Event()
        self._watcher: gevent.Greenlet[..., None] | None = None

    @property
    def is_over(self) -> bool:
        return self.state == OVER

    def set_offer(self, identity: str, offer: offers.MediaOffer) -> None:
        """The ``offer`` of this call, made by the caller or opened by the callee, sealed under ``identity``."""
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
        OfferRefused where the offer has no stream for this client."""
        answer, *self._keys = offers.make_answer(self._offer, secrets.token_bytes)
        caller = self._secrecy.find(*self.peer)
        body = self._secrecy.seal(caller, "answer", self._identity, offers.encode(answer))
        taken = self._client.call("session.accept", Accept(self.session, body), Sequenced, timeout)
        self.note(taken.state, taken.seq)

    def hang_up(self, reason: Reason = "normal") -> None:
        """End or refuse the call, in any state; one that is over stays as it is. A server that cannot be told now is
        told at the next attach."""
        if self.is_over:
            return
        try:
            self._client.call("session.hangup", Hangup(self.session, reason), Sequenced)
        except RpcError as error:
            LOG.info("call %s: %s", self.session, error)
        if not self.is_over:
            self.reason, self.who = reason, self.role
        self.note(OVER, self.seq)

    def change(
        self,
        kind: Literal["offer", "answer", "reject"],
        identity: str,
        body: str = "",
        streams: list[Stream] | None = None,
    ) -> Relayed:
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
        media = self.media = Media(self.legs[0], send, receive, speech, record).start()
        self._watcher = gevent.spawn(self._watch, media)
        return media

    def _open_answer(self) -> tuple[offers.Srtp, offers.Srtp]:
        opened = self._secrecy.open(self.peer, "answer", self.body, self._identity)
        return offers.take_answer(self._offer, offers.decode(opened.plaintext, offers.MediaAnswer))

    def _watch(self, media: "Media") -> None:
        """While the call lasts: ask for new legs when no relay answers, refuse other media than this one stream."""
        patience = RELAY_PATIENCE[self.role]
        asked = time.monotonic()
        while not self.wait(OVER, WATCH_PAUSE):
            try:
                if min(media.unbound_for(), time.monotonic() - asked) > patience:
                    asked = time.monotonic()
                    relayed = self._client.call("session.relay", SessionOnly(self.session), Relayed, patience)
                    self.note(self.state, relayed.seq, relayed.legs)
                while not self.changes.empty():
                    told = self.changes.get()
                    if told.kind == "offer":
                        self.change("reject", told.id)
            except RpcError as error:
                LOG.info("call %s: %s", self.session, error)
        media.stop()

    # --- what the server tells ---

    def note(self, state: str, seq: int, legs: list[Leg] | None = None) -> None:
        """Take over a state and legs, unless newer ones are known; a call that is over stays over."""
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

    def hear(self, told: Notice) -> None:
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
