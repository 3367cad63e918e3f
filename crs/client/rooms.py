"""Conference rooms of one client: looked up, joined, left; the datagrams of a conference over one UDP socket.

What a member sends goes to all others unchanged: encrypt it end to end, under a key that the members agree on by sealed
messages.
"""

import logging
import os
import secrets
import time
from collections.abc import Callable

import gevent
from gevent.event import Event
from gevent.queue import Empty, Queue
from msgspec import UNSET

from crs import names
from crs.client.connection import ClientConnection
from crs.client.paths import SEARCH, Paths
from crs.client.sockets import LARGEST, send_to, udp_socket
from crs.errors import RpcError
from crs.wire.vocabulary import (
    Done,
    FoundRoom,
    FoundRooms,
    JoinedRoom,
    JoinRoom,
    LeaveRoom,
    LookupRoom,
    Registered,
    RoomChanged,
    RoomEnded,
    RoomMember,
)

LOG = logging.getLogger("crs.client")


class ClientRoom:
    """A conference that this device has joined, with all its ``members``; ``ended`` says why it is over."""

    def __init__(self, client: ClientConnection, joined: JoinedRoom, request: JoinRoom, clock: Callable[[], float]):
        self.number, self.account, self.session = joined.number, joined.account, joined.session
        self.members: list[RoomMember] = joined.members
        self.seq = joined.seq
        self.ended: str | None = None
        self.bound = Event()  # the relay has answered
        self._client = client
        self._request = request
        self._clock = clock
        self._leg = joined.legs[0]
        self._paths = Paths(self._leg, os.urandom)
        self._socket = udp_socket(self._leg)
        self._received: Queue[bytes] = Queue()
        self._tasks = [gevent.spawn(self._bind), gevent.spawn(self._receive)]

    def send(self, data: bytes) -> None:
        """Send one datagram (at most 1500 bytes) to all other members that are bound."""
        for address in self._paths.targets(self._clock()):
            send_to(self._socket, data, address)

    def receive(self, timeout: float | None = None) -> bytes | None:
        """The next datagram of another member; None when none came within ``timeout`` seconds."""
        try:
            return self._received.get(timeout=timeout)
        except Empty:
            return None

    def leave(self) -> None:
        """Leave for good. May be called again. Raises Unavailable where the server cannot be told."""
        self.stop("left")
        self._client.call("room.leave", LeaveRoom(self.number, self.account), Done)

    def stop(self, reason: str) -> None:
        """Close the socket."""
        if self.ended is None:
            self.ended = reason
            gevent.killall(self._tasks, block=False)
            self._socket.close()

    def take(self, joined: JoinedRoom) -> None:
        """Take over the answer to a repeated join."""
        self.note(joined)
        if joined.legs[0] != self._leg:
            self._leg = joined.legs[0]
            self._paths = Paths(self._leg, os.urandom)

    def note(self, told: RoomChanged | JoinedRoom) -> None:
        """Take over the members, unless older; a new conference in the same room counts from 1 again."""
        if told.session != self.session or told.seq >= self.seq:
            self.session, self.seq, self.members = told.session, told.seq, told.members

    def rejoin(self) -> None:
        """Join again after a reconnect; the leg is the same if the conference went on."""
        try:
            self.take(self._client.call("room.join", self._request, JoinedRoom))
        except RpcError as error:
            LOG.info("room %s: %s", self.number, error)
            self.stop(error.error)

    def _bind(self) -> None:
        while True:
            for request, address in self._paths.due(self._clock()):
                send_to(self._socket, request, address)
            gevent.sleep(SEARCH)

    def _receive(self) -> None:
        while True:
            try:
                octets, source = self._socket.recvfrom(LARGEST)
            except OSError as error:
                LOG.debug("not received: %s", error)
                gevent.sleep(SEARCH)
                continue
            now, address = self._clock(), (names.plain_ip(source[0]), source[1])
            if self._paths.take_answer(octets, address, now):
                self.bound.set()
            elif octets:
                self._paths.note_heard(address, now)
                self._received.put(octets)


class ClientRooms:
    """All conferences that this device has joined."""

    def __init__(self, client: ClientConnection, clock: Callable[[], float] = time.monotonic):
        self._client = client
        self._clock = clock
        self._rooms: dict[tuple[str, str], ClientRoom] = {}
        client.hear("room.changed", self._hear_changed)
        client.hear("room.ended", self._hear_ended)
        client.hear("registered", self._hear_registered)

    def lookup(self, number: str, account: str | None = None) -> list[FoundRoom]:
        """The rooms of this number that this client may join."""
        return self._client.call("room.lookup", LookupRoom(number, account or UNSET), FoundRooms).rooms

    def join(self, number: str, account: str | None = None, body: str = "") -> ClientRoom:
        """Join. Raises what the server answers (NotFound, Busy, ...)."""
        request = JoinRoom(secrets.token_hex(12), number, account or UNSET, body)
        joined = self._client.call("room.join", request, JoinedRoom)
        request.account = joined.account
        known = self._rooms.get((joined.number, joined.account))
        if known is not None:
            known.stop("joined anew")
        room = self._rooms[joined.number, joined.account] = ClientRoom(self._client, joined, request, self._clock)
        return room

    def live(self) -> list[ClientRoom]:
        return [room for room in self._rooms.values() if room.ended is None]

    def _hear_changed(self, told: RoomChanged) -> None:
        room = self._rooms.get((told.number, told.account))
        if room is not None:
            room.note(told)

    def _hear_ended(self, told: RoomEnded) -> None:
        room = self._rooms.get((told.number, told.account))
        if room is not None and room.session == told.session:
            room.stop(told.reason)

    def _hear_registered(self, registered: Registered) -> None:
        for room in self.live():
            gevent.spawn(room.rejoin)
