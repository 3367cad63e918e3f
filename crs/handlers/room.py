"""Conference rooms: lookup, join, leave. Rooms are made by the operator; keys of a conference are its members' own."""

from msgspec import UNSET

from ..errors import Busy, Conflict, NotFound
from ..names import Client
from ..service import media
from ..service.calls import TALK_CHECK
from ..service.connection import Connection
from ..service.rooms import members_of
from ..service.worker import Worker
from ..store.conferences import Member, RoomId, Seat
from ..wire.vocabulary import (
    Done,
    FoundRoom,
    FoundRooms,
    JoinedRoom,
    JoinRoom,
    LeaveRoom,
    Leg,
    LookupRoom,
)

MAX_MEMBERS = 64  # devices in a conference: the legs of one multicast relay
MAX_ROOMS = 4  # rooms that a client is in at a time


def lookup(worker: Worker, connection: Connection, params: LookupRoom, now: int) -> FoundRooms:
    """room.lookup {number, account?} -> FoundRooms: those of this number that the client may join, maybe none.

    Fails: domain-not-connected, not-registered, try-again.
    """
    owners = _owners(worker, connection, params)
    return FoundRooms([FoundRoom(params.number, owner.account, owner.uri) for owner in owners])


def join(worker: Worker, connection: Connection, params: JoinRoom, now: int) -> JoinedRoom:
    """room.join {id, number, account?, body?} -> JoinedRoom. The other members get *room.changed*.

    Without account the first room that lookup finds. A retry with the same id answers with the same leg, as long as
    the device is a member. Fails: not-found, domain-not-connected, conflict (the id with another body), limit-reached
    (members, rooms of this client, relays), not-registered, try-again.
    """
    client = connection.client
    owners = _owners(worker, connection, params)
    if not owners:
        raise NotFound(f"no conference room {params.number} for this client")
    room, seat = RoomId(params.number, owners[0].account), Seat(connection.device_id, client)
    if len([conference for conference in worker.rooms.records.of(client) if conference.room != room]) >= MAX_ROOMS:
        raise Busy(f"a client is in at most {MAX_ROOMS} conferences at a time")
    member = Member(params.id, *media.credentials(worker.random), params.body, now)
    code, conference = worker.rooms.records.join(
        room, seat, member, worker.rooms.name(), now, MAX_MEMBERS, now + TALK_CHECK
    )
    if conference.members[seat].body != params.body:
        raise Conflict(f"id {params.id} was used for another join of this room")
    if code == 1:
        worker.events.count(client, "conference-calls")
        worker.events.debug(f"{client} joins conference room {room}")
    try:
        conference = worker.rooms.allocate(conference) or conference
    except Busy:
        worker.rooms.drop(conference, [seat])
        raise
    worker.rooms.tell_members(conference, but=seat)
    mine = conference.members.get(seat, member)
    return JoinedRoom(
        room.number,
        room.account,
        conference.session,
        conference.seq,
        [Leg(0, "opaque", mine.ufrag, mine.pwd, worker.relays.candidates)],
        members_of(conference),
    )


def leave(worker: Worker, connection: Connection, params: LeaveRoom, now: int) -> Done:
    """room.leave {number, account?} -> {}, also for one who is not there. The others get *room.changed*.

    Fails: not-registered, try-again.
    """
    seat = Seat(connection.device_id, connection.client)
    for conference in worker.rooms.records.of(connection.client):
        room = conference.room
        if room.number == params.number and params.account in (UNSET, room.account):
            worker.rooms.drop(conference, [seat])
    return Done()


def _owners(worker: Worker, connection: Connection, params: LookupRoom | JoinRoom) -> list[Client]:
    account = None if params.account is UNSET else params.account
    return worker.accounts.rooms(connection.client, params.number, account)
