"""A whole client from one credential file: attached, its keys published and up to date, messages and calls.

Puts the parts together, and does what is due after each attach: crypto updates and the client token.
"""

import logging
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from crs.client.addresses import AddressCycle
from crs.client.calls import ClientCalls
from crs.client.connection import ClientConnection
from crs.client.messages import Messages
from crs.client.rooms import ClientRooms
from crs.client.secrecy import Secrecy
from crs.client.state import ClientState
from crs.client.storage import ClientStorage
from crs.errors import CrsError, NotFound, RpcError
from crs.loop.clock import wall_clock
from crs.trust import credential as credentials
from crs.trust.address import ServerAddress
from crs.wire.vocabulary import (
    Done,
    MonthOnly,
    PutInfo,
    PutObject,
    Registered,
    UpdateBody,
    UpdateList,
    UpdateOffered,
    UpdateState,
)

LOG = logging.getLogger("crs.client")

RETRY_PAUSE = 2.0  # seconds before chores that failed are repeated
UPDATE_LOOK = 6 * 3600.0  # seconds between queries for crypto updates: notifications of them are off by default


class Phone:
    """The owner of the credential file ``path``, on one device.

    ``servers`` replaces those of the credential; the state file is ``path`` with ``.state`` added, unless ``state`` is
    given. Further arguments are those of ``ClientConnection``.
    """

    def __init__(
        self,
        path: str | Path,
        servers: Sequence[ServerAddress] = (),
        device_id: str | None = None,
        state: ClientState | None = None,
        **options: Any,
    ):
        self._path = Path(path)
        self.credential = credentials.load(path)
        self.state = state or ClientState(f"{path}.state", device_id)
        where = [(server.host, server.port) for server in servers or self.credential.servers]
        self.client = ClientConnection(AddressCycle(where, self._keys), self.state.device_id, deliver=True, **options)
        self._secrecy = Secrecy(self.client, self.credential)
        self.messages = Messages(self.client, self._secrecy, self.state)
        self.calls = ClientCalls(self.client, self._secrecy)
        self.rooms = ClientRooms(self.client)
        self.storage = ClientStorage(self.client)
        self._offered: set[str] = set()  # months whose crypto update is to be fetched and confirmed
        self._due = Event()
        self._published = Event()
        self._chores: gevent.Greenlet[..., None] | None = None
        self.client.hear("registered", self._hear_registered)
        self.client.hear("update.offered", self._hear_offer)

    def start(self) -> "Phone":
        """Attach and stay attached; returns at once."""
        self._chores = gevent.spawn(self._do_chores)
        self.client.start()
        return self

    def wait_ready(self, timeout: float) -> Registered:
        """Wait until registered, with all crypto updates applied and the own keys where others find them. Raises
        Unavailable when that is not so within ``timeout`` seconds, NotRegistered when it never will be."""
        self._published.wait(timeout)
        return self.client.wait_registered(0)

    def close(self) -> None:
        """Hang up, leave, unregister, and close the state file."""
        for call in self.calls.live():
            try:
                call.hang_up()
            except RpcError as error:
                LOG.info("not hung up: %s", error)
        for room in self.rooms.live():
            room.stop("client closes")
        self.client.close()
        if self._chores is not None:
            self._chores.kill()
        self.state.close()

    def _keys(self, now: int) -> list[tuple[str, bytes]]:
        return self._secrecy.keys(now)

    # --- chores: crypto updates, then the token ---

    def _hear_registered(self, registered: Registered) -> None:
        self._note_updates(registered.updates)
        self._due.set()

    def _note_updates(self, updates: list[UpdateState]) -> None:
        """Also those that another device has confirmed and this credential lacks."""
        self._offered.update(
            update.month for update in updates if not update.confirmed or update.month not in self.credential.months
        )

    def _hear_offer(self, offered: UpdateOffered) -> None:
        self._offered.add(offered.month)
        self._due.set()

    def _do_chores(self) -> None:
        while True:
            asked = self._due.wait(UPDATE_LOOK)
            self._due.clear()
            try:
                if not asked:
                    self._note_updates(self.client.call("update.list", result=UpdateList).updates)
                for month in sorted(self._offered):
                    self._update(month)
                self._publish()
            except CrsError as error:
                LOG.warning("keys not up to date: %s", error)
                gevent.spawn_later(RETRY_PAUSE, self._due.set)

    def _update(self, month: str) -> None:
        """Fetch a month's keys into the credential file, then confirm. A bad update is logged and ignored."""
        try:
            update = self.client.call("update.fetch", MonthOnly(month), UpdateBody)
            credentials.apply_crypto_update(self.credential, update.body)
        except (NotFound, credentials.CredentialFault) as error:
            LOG.warning("crypto update for %s: %s", month, error)
        else:
            credentials.save(self._path, self.credential)
            self.client.call("update.confirm", MonthOnly(month), Done)
            self.messages.read_again()
        self._offered.discard(month)

    def _publish(self) -> None:
        month = credentials.current_month(self.credential, wall_clock())
        token = credentials.for_month(self.credential, month).token
        self.client.call("object.put", PutObject("client-token", token), Done)
        self._published.set()
        system = platform.uname()
        self.client.call("info.put", PutInfo(wall_clock(), system.system[:64], system.release[:64]), Done)
