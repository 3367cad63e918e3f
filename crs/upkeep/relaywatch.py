"""The relay's heartbeat: conversations that are polled stay; a relay that was started anew gets them back at once."""

import time
from collections.abc import Collection

from .. import log
from ..errors import Busy
from ..service import media
from ..service.worker import Worker
from ..store.calls import Call
from ..store.conferences import Conference

LOG = log.get("attach")
HEARTBEAT = 15  # seconds between two polls of all live conversations


class RelayWatch:
    """For the calls and conferences in ``buckets``, the slots that this worker owns."""

    def __init__(self, worker: Worker, buckets: Collection[int]):
        self._worker = worker
        self._buckets = buckets
        self._instance = ""  # the start of the relay that has our conversations
        self._next_poll = 0.0  # time.monotonic()

    def look(self) -> None:
        """Poll where it is time, or where the relay is another than it was. Raises Unavailable, RelayRefused."""
        relay, store = self._worker.relay, self._worker.store
        now, instance = time.monotonic(), relay.instance()
        if instance == self._instance and now < self._next_poll:
            return
        owners: dict[str, Call | Conference] = {}  # by conversation
        for call in store.calls.live(self._buckets):
            owners.update((stream.conversation, call) for stream in media.load(call.streams))
        for conference in store.conferences.live(self._buckets):
            owners[conference.session] = conference
        unknown = relay.poll(list(owners))
        for owner in {owners[name].id: owners[name] for name in unknown}.values():
            try:
                self._allocate(owner)
            except Busy as error:  # its parties may ask for new legs later; the others must have theirs now
                LOG.warn(f"relay: {owner.id}: {error}")
        if unknown:
            LOG.info(f"relay: {len(unknown)} conversations added again")
        self._instance, self._next_poll = instance, now + HEARTBEAT

    def _allocate(self, owner: Call | Conference) -> None:
        if isinstance(owner, Call):
            self._worker.relays.allocate(owner, media.load(owner.streams))
        else:
            self._worker.rooms.allocate(owner)
