"""Messages of one client: posted in order, each shown once, acknowledged after it was shown.

The mailbox gives at least once; together with ``state`` (what was shown already) that becomes exactly once for the
eye. Never here: how a body is sealed (``secrecy``), how a request survives a dead server (``connection``).
"""

import logging
import secrets
import time
from typing import NamedTuple

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from crs.client.connection import Client
from crs.client.secrecy import Secrecy
from crs.client.state import State
from crs.errors import WorldFault
from crs.names import Client as Name
from crs.trust.e2e import KeyMissing, SealRefused
from crs.wire.vocabulary import Ack, Acked, Fetch, Fetched, Item, MessageArrived, Post, Posted

LOG = logging.getLogger("crs.client")

KEPT_POSTS = 256  # sealed messages kept for retries
ACKS_AT_ONCE = 100  # protocol: refs in one message.ack
RETRY_PAUSE = 1.0  # seconds until a mailbox is tried again whose server is in trouble


class Received(NamedTuple):
    """One item to show. ``kind`` content and system: a message from ``peer`` with its ``text``; ack and expired: what
    became of the own message ``id`` to ``peer``. ``fault`` says why the text cannot be read (then it is empty);
    ``kept``: keys to come may open it, so it stays in the mailbox."""

    ref: str
    kind: str
    peer: Name
    id: str
    time: int
    text: str = ""
    fault: str | None = None
    kept: bool = False


class Messages:
    """Post and receive. One greenlet at a time may receive; any number may post."""

    def __init__(self, client: Client, secrecy: Secrecy, state: State):
        self._client = client
        self._secrecy = secrecy
        self._state = state
        self._hint = Event()  # there is something to look at: what arrived, or
        self._behind = False  # the mailbox
        self._arrived: list[Item] = []
        self._unreadable: set[str] = set()  # told once, kept for keys to come
        self._posts: dict[str, Post] = {}
        self._turns: dict[tuple, BoundedSemaphore] = {}
        client.hear("message.arrived", self._take)
        client.hear("message.waiting", lambda _: self._look())
        client.hear("registered", lambda registered: registered.waiting and self._look())

    def post(
        self,
        to: str,
        text: str,
        account: str | None = None,
        id: str | None = None,
        kind: str = "content",
        timeout: float = 60.0,
    ) -> Posted:
        """Seal ``text`` for ``to`` and leave it in its mailbox; it is stored durably when this returns.

        One message to a receiver goes out at a time: what a greenlet posts arrives in its order. After Unavailable
        the message may or may not be stored: post again with the same ``id``. Raises what the server tells,
        SealRefused (too long), and TokenRefused where the receiver's keys are not to be trusted.
        """
        identity = id or secrets.token_hex(12)
        with self._turns.setdefault((to, account), BoundedSemaphore()):
            post = self._posts.get(identity) or self._seal(to, account, identity, kind, text)
            self._posts[identity] = post  # a retry must be the very same: sealed anew it would be another message
            if len(self._posts) > KEPT_POSTS:
                del self._posts[next(iter(self._posts))]
            return self._client.call("message.post", post, Posted, timeout)

    def _seal(self, to: str, account: str | None, identity: str, kind: str, text: str) -> Post:
        receiver = self._secrecy.find(to, account)
        body = self._secrecy.seal(receiver, kind, identity, text.encode())
        return Post(identity, receiver.name.uri, body, receiver.name.account, kind)

    def wait(self, timeout: float | None = None) -> list[Received]:
        """The next items that were not shown yet, in order; empty when none came within ``timeout`` seconds.

        They come again until they are given to ``acknowledge``.
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
        """These were shown: never show them again, and let the server delete them (at the next chance, if not now)."""
        refs = [item.ref for item in shown if not item.kept]
        for ref in refs:
            self._state.note_shown(ref)
        self._unreadable.update(item.ref for item in shown if item.kept)
        self._acknowledge(refs)

    def read_again(self) -> None:
        """Keys came in: what could not be read before is tried again."""
        self._unreadable.clear()
        self._look()

    def _acknowledge(self, refs: list[str]) -> None:
        try:
            for start in range(0, len(refs), ACKS_AT_ONCE):
                self._client.call("message.ack", Ack(refs[start : start + ACKS_AT_ONCE]), Acked)
        except WorldFault as error:
            LOG.info("not acknowledged yet: %s", error)
            gevent.spawn_later(RETRY_PAUSE, self._look)  # they will be found again, and acknowledged

    def _look(self) -> None:
        """The mailbox may hold something that did not arrive by itself."""
        self._behind = True
        self._hint.set()

    def _take(self, arrived: MessageArrived) -> None:
        self._arrived += arrived.messages
        self._hint.set()

    def _next(self) -> list[Received]:
        """What is new. Where the mailbox is to be looked at, it has what arrived, too."""
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
        """Those that were not shown yet; what was is acknowledged again."""
        shown = [item.ref for item in items if self._state.was_shown(item.ref)]
        self._acknowledge(shown)
        known = self._unreadable.union(shown)
        return [self._open(item) for item in items if item.ref not in known]

    def _open(self, item: Item) -> Received:
        peer = Name(item.uri, item.account)
        text, fault, kept = "", None, False
        if item.kind in ("content", "system"):
            try:
                text = self._secrecy.open(peer, item.kind, item.body, item.id).plaintext.decode()
            except (SealRefused, UnicodeDecodeError) as error:
                fault, kept = str(error), isinstance(error, KeyMissing)
        return Received(item.ref, item.kind, peer, item.id, item.time, text, fault, kept)
