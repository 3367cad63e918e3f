"""Messages of one client: posted in order, each shown once, acknowledged after it was shown.

The mailbox delivers at least once; together with ``state`` (what was shown already) each message is shown exactly once.
Bodies are sealed by ``secrecy``, requests repeated by ``connection``.
"""

import logging
import secrets
import time
from typing import Literal, NamedTuple

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from crs.client.connection import ClientConnection
from crs.client.secrecy import Secrecy
from crs.client.state import ClientState
from crs.errors import WorldFault
from crs.names import Client
from crs.trust.e2e import KeyMissing, SealRefused
from crs.wire.vocabulary import Ack, Acked, Fetch, Fetched, Item, MessageArrived, Post, Posted, Registered

LOG = logging.getLogger("crs.client")

MessageKind = Literal["content", "system"]

KEPT_POSTS = 256  # sealed messages kept for retries
ACKS_AT_ONCE = 100  # protocol: refs in one message.ack
RETRY_PAUSE = 1.0  # seconds before a mailbox is read again after the server failed


class Received(NamedTuple):
    """One item to show. ``kind`` content and system: a message from ``peer`` with its ``text``; ack and expired:
    the own message ``id`` to ``peer`` was acknowledged, or expired. ``fault`` says why the text cannot be read (it is
    empty then); ``kept``: a later key may open it, so it stays in the mailbox."""

    ref: str
    kind: str
    peer: Client
    id: str
    time: int
    text: str = ""
    fault: str | None = None
    kept: bool = False


class Messages:
    """Post and receive. One greenlet at a time may receive; any number may post."""

    def __init__(self, client: ClientConnection, secrecy: Secrecy, state: ClientState):
        self._client = client
        self._secrecy = secrecy
        self._state = state
        self._hint = Event()  # something was delivered, or the mailbox is to be fetched
        self._behind = False  # the mailbox is to be fetched
        self._arrived: list[Item] = []
        self._unreadable: set[str] = set()  # reported once, kept for later keys
        self._posts: dict[str, Post] = {}
        self._turns: dict[tuple[str, str | None], BoundedSemaphore] = {}
        client.hear("message.arrived", self._take)
        client.hear("message.waiting", lambda _: self._look())
        client.hear("registered", self._hear_registered)

    def post(
        self,
        to: str,
        text: str,
        account: str | None = None,
        id: str | None = None,
        kind: MessageKind = "content",
        timeout: float = 60.0,
    ) -> Posted:
        """Seal ``text`` for ``to`` and leave it in its mailbox; it is stored durably when this returns.

        One message at a time is sent to a receiver, so the messages of a greenlet arrive in order. After Unavailable
        the message may or may not be stored: post again with the same ``id``. Raises what the server answers,
        SealRefused (too long), and TokenRefused where the receiver's keys are not authentic.
        """
        identity = id or secrets.token_hex(12)
        with self._turns.setdefault((to, account), BoundedSemaphore()):
            post = self._posts.get(identity) or self._seal(to, account, identity, kind, text)
            self._posts[identity] = post  # a retry must be identical: sealed again it would differ
            if len(self._posts) > KEPT_POSTS:
                del self._posts[next(iter(self._posts))]
            return self._client.call("message.post", post, Posted, timeout)

    def _seal(self, to: str, account: str | None, identity: str, kind: MessageKind, text: str) -> Post:
        receiver = self._secrecy.find(to, account)
        body = self._secrecy.seal(receiver, kind, identity, text.encode())
        return Post(identity, receiver.name.uri, body, receiver.name.account, kind)

    def wait(self, timeout: float | None = None) -> list[Received]:
        """The next items that were not shown yet, in order; empty when none arrived within ``timeout`` seconds.

        They are returned again until they are passed to ``acknowledge``.
        """
        deadline = time.monotonic() + timeout if timeout is not None else None
        while self._hint.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
            self._hint.clear()
            try:
                new = self._next()
            except WorldFault as error:
                LOG.info("mailbox not read: %s", error)
                self._look()
                if deadline is not None and time.monotonic() + RETRY_PAUSE > deadline:
                    break
                gevent.sleep(RETRY_PAUSE)
                continue
            if new:
                return new
        return []

    def acknowledge(self, shown: list[Received]) -> None:
        """These were shown: never show them again, and have the server delete them (later, if it cannot now)."""
        refs = [item.ref for item in shown if not item.kept]
        for ref in refs:
            self._state.note_shown(ref)
        self._unreadable.update(item.ref for item in shown if item.kept)
        self._acknowledge(refs)

    def read_again(self) -> None:
        """There are new keys: try again to open what could not be read before."""
        self._unreadable.clear()
        self._look()

    def _acknowledge(self, refs: list[str]) -> None:
        try:
            for start in range(0, len(refs), ACKS_AT_ONCE):
                self._client.call("message.ack", Ack(refs[start : start + ACKS_AT_ONCE]), Acked)
        except WorldFault as error:
            LOG.info("not acknowledged yet: %s", error)
            gevent.spawn_later(RETRY_PAUSE, self._look)  # they are fetched again then, and acknowledged

    def _hear_registered(self, registered: Registered) -> None:
        if registered.waiting:
            self._look()

    def _look(self) -> None:
        """The mailbox may hold something that was not delivered: fetch it."""
        self._behind = True
        self._hint.set()

    def _take(self, arrived: MessageArrived) -> None:
        self._arrived += arrived.messages
        self._hint.set()

    def _next(self) -> list[Received]:
        """What is new. A fetch of the mailbox also returns what was delivered."""
        arrived, self._arrived = self._arrived, []
        if self._behind:
            self._behind = False
            return self._fetch()
        return self._sift(arrived)

    def _fetch(self) -> list[Received]:
        """Walk the mailbox from its start to the first page with something new."""
        after, more = 0, True
        while more:
            page = self._client.call("message.fetch", Fetch(after), Fetched)
            new = self._sift(page.messages)
            if new:
                if page.more:
                    self._look()
                return new
            after, more = page.messages[-1].seq if page.messages else after, page.more
        return []

    def _sift(self, items: list[Item]) -> list[Received]:
        """The items that were not shown yet; the others are acknowledged again."""
        shown = [item.ref for item in items if self._state.was_shown(item.ref)]
        self._acknowledge(shown)
        known = self._unreadable.union(shown)
        return [self._open(item) for item in items if item.ref not in known]

    def _open(self, item: Item) -> Received:
        peer = Client(item.uri, item.account)
        text, fault, kept = "", None, False
        if item.kind in ("content", "system"):
            try:
                text = self._secrecy.open(peer, item.kind, item.body, item.id).plaintext.decode()
            except (SealRefused, UnicodeDecodeError) as error:
                fault, kept = str(error), isinstance(error, KeyMissing)
        return Received(item.ref, item.kind, peer, item.id, item.time, text, fault, kept)
