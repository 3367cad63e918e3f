"""Conference rooms: lookup, join, leave. Media of a conference goes through one multicast relay, a leg for each member.

The record is changed first, then the relay has the members' legs, then they are told; a retry does the last two again.
Rooms are made by the operator. Never here: who reaches which room (``accounts``), keys of a conference: those are the
members' own.
"""

from msgspec import UNSET

from ..errors import Busy, Conflict, NotFound
from ..names import Client
from ..service import media
from ..service.connection import Connection
from ..store.conferences import Conference, Member, RoomId, Seat
from ..wire.vocabulary import (
    Done,
    FoundRoom,
    FoundRooms,
    JoinedRoom,
    JoinRoom,
    LeaveRoom,
    Leg,
    LookupRoom,
    RoomChanged,
    RoomEnded,
    RoomMember,
)

MAX_MEMBERS = 64  # devices in a conference: the legs of one multicast relay
MAX_ROOMS = 4  # rooms that a client is in at a time


def lookup(connection: Connection, params: LookupRoom, now: int) -> FoundRooms:
    """room.lookup {number, account?} -> FoundRooms: those of this number that the client may join, maybe none.

    Fails: domain-not-connected, not-registered, try-again.
    """
    return FoundRooms([FoundRoom(params.number, owner.account, owner.uri) for owner in _owners(connection, params)])


def join(connection: Connection, params: JoinRoom, now: int) -> JoinedRoom:
    """room.join {id, number, account?, body?} -> JoinedRoom. The other members get *room.changed*.

    Without account the first room that lookup finds. A retry with the same id answers with the same leg, as long as
    the device is a member. Fails: not-found, domain-not-connected, conflict (the id with another body), limit-reached (members, rooms of this client,
    relays), not-registered, try-again.
    """
    worker, client = connection.worker, connection.client
    owners = _owners(connection, params)
    if not owners:
        raise NotFound(f"no conference room {params.number} for this client")
    room, seat = RoomId(params.number, owners[0].account), Seat(connection.device_id, client)
    if len([one for one in worker.store.conferences.of(client) if one.room != room]) >= MAX_ROOMS:
        raise Busy(f"a client is in at most {MAX_ROOMS} conferences at a time")
    member = Member(params.id, *media.credentials(worker.random), params.body, now)
    code, conference = worker.store.conferences.join(
        room, seat, member, worker.conference_id(), now, MAX_MEMBERS, now + worker.TALK_CHECK
    )
    if conference.members[seat].body != params.body:
        raise Conflict(f"id {params.id} was used for another join of this room")
    if code == 1:
        worker.count(client, "conference-calls")
        worker.debug(f"{client} joins conference room {room}")
    try:
        conference = allocate(worker, conference) or conference
    except Busy:
        _drop(worker, conference, [seat])
        raise
    _tell_others(worker, conference, but=seat)
    mine = conference.members.get(seat, member)
    return JoinedRoom(
        room.number,
        room.account,
        conference.session,
        conference.seq,
        [Leg(0, "opaque", mine.ufrag, mine.pwd, worker.candidates)],
        _members(conference),
    )


def leave(connection: Connection, params: LeaveRoom, now: int) -> Done:
    """room.leave {number, account?} -> {}, also for one who is not there. The others get *room.changed*.

    Fails: not-registered, try-again.
    """
    worker, seat = connection.worker, Seat(connection.device_id, connection.client)
    for conference in worker.store.conferences.of(connection.client):
        room = conference.room
        if room.number == params.number and params.account in (UNSET, room.account):
            _drop(worker, conference, [seat])
    return Done()


def leave_all(worker, client: Client, reason: str, now: int) -> None:
    """Take all devices of a client out of all conferences."""
    for conference in worker.store.conferences.of(client):
        _drop(worker, conference, [seat for seat in conference.members if seat.client == client], reason)


def check(worker, room: RoomId, now: int) -> None:
    """The regular look: who may not be there any more goes, and who was not registered at two looks; the relay is
    given the legs of the others again."""
    conferences = worker.store.conferences
    conference = conferences.get(room)
    if conference is None:
        conferences.forget_due(room)
        return
    removed, lost = [], []
    for seat in conference.members:
        present = any(entry.device_id == seat.device for entry in worker.store.directory.lookup(seat.client))
        if not worker.accounts.may_join(seat.client, *room):
            removed.append(seat)
        elif seat in conference.away and not present:
            lost.append(seat)
        elif present == (seat in conference.away):
            conferences.note_away(room, seat, None if present else now)
    for seats, reason in ((removed, "removed"), (lost, "lost")):
        if seats:
            _drop(worker, conference, seats, reason)
    conferences.postpone(room, now + worker.TALK_CHECK)
    allocate(worker, conferences.get(room))


def allocate(worker, conference: Conference | None) -> Conference | None:
    """Have the relay hold the legs of all members, as they stand when this returns; returns the conference, None when
    it is over. Raises Busy, Unavailable.

    Two workers may do this at a time: whoever finds the record changed does it again.
    """
    while conference is not None:
        worker.allocate_multicast(
            conference.session,
            [(one.ufrag, one.pwd) for one in conference.members.values()],
            [str(conference.room), *map(str, dict.fromkeys(seat.client for seat in conference.members))],
        )
        now = worker.store.conferences.get(conference.room)
        if now is None or now.session != conference.session:
            worker.release_conversation(conference.session)
        elif now.seq == conference.seq:
            return now
        conference = now
    return None


def _drop(worker, conference: Conference, seats: list[Seat], reason: str = "") -> None:
    """Take devices out, free their legs, tell the others, and with a ``reason`` those that went."""
    seats = [seat for seat in seats if seat in conference.members]
    held = [(seat, conference.members[seat].id) for seat in seats]
    left, after = worker.store.conferences.leave(conference.room, held, conference.session)
    if not left:
        return
    for seat in seats:
        worker.debug(f"{seat.client} leaves conference room {conference.room}{reason and f' ({reason})'}")
        if reason:
            worker.wake(
                seat.client, "room.ended", RoomEnded(*conference.room, conference.session, reason), [seat.device]
            )
    if not after.members:
        worker.release_conversation(conference.session)
        return
    _tell_others(worker, allocate(worker, after))


def _owners(connection: Connection, params) -> list[Client]:
    account = None if params.account is UNSET else params.account
    return connection.worker.accounts.rooms(connection.client, params.number, account)


def _members(conference: Conference) -> list[RoomMember]:
    return [
        RoomMember(seat.client.uri, seat.client.account, seat.device, member.body)
        for seat, member in conference.members.items()
    ]


def _tell_others(worker, conference: Conference | None, but: Seat | None = None) -> None:
    if conference is not None:
        changed = RoomChanged(*conference.room, conference.session, conference.seq, _members(conference))
        for seat in conference.members:
            if seat != but:
                worker.wake(seat.client, "room.changed", changed, [seat.device])
