"""Conferences: what goes on in a conference room while anybody is in it; any worker may carry out any step.

A conference begins when the first device joins and is over when the last has left. It is in redis_high, like calls;
the room itself is a record of the operator (``operator``).
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

from .. import names, slots
from ..errors import Busy
from ..names import Client
from . import schema
from .commands import Commands, pairs

_MEMBER = "member "  # what a member's field begins with; device id and client follow
_AWAY = "away "


class RoomId(NamedTuple):
    """A conference room: its number, six digits, and the account that it belongs to."""

    number: str
    account: str

    def __str__(self) -> str:
        return f"{self.number}@{self.account}"


class Seat(NamedTuple):
    """One device of one client: that is what joins."""

    device: str
    client: Client

    def __str__(self) -> str:
        return f"{self.device} {self.client}"


class Member(msgspec.Struct, frozen=True):
    """What is kept of a device that joined."""

    id: str  # of the join, chosen by the client
    ufrag: str  # of its relay leg
    pwd: str
    body: str  # for the other members, opaque
    joined: int  # ms


class Conference(NamedTuple):
    """A conference as it stands."""

    room: RoomId
    session: str  # its own id: a later conference in the same room has another
    seq: int  # grows by one with every change
    created: int  # ms
    members: dict[Seat, Member]  # by when they joined
    away: dict[Seat, int]  # members not seen at a regular look, since when (ms)

    @property
    def id(self) -> str:
        return self.session


_member = msgspec.json.Decoder(Member).decode


class Conferences:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, high: Commands):
        self._high = high

    def join(
        self, room: RoomId, seat: Seat, member: Member, session: str, now: int, limit: int, due_at: int
    ) -> tuple[int, Conference]:
        """Put a device in; ``session`` names a conference that begins with it. Returns 1 and the conference; 2 where
        the device had joined under another id, 0 where it had under this one, and nothing is changed.

        Raises Busy where ``limit`` members are in.
        """
        noted = (("ZADD", _due(room), due_at, str(room)), ("SADD", schema.conferences_of(seat.client), str(room)))
        join = self._high.evalsha(
            "conference_join",
            (schema.conference(str(room)),),
            (f"{_MEMBER}{seat}", member.id, msgspec.json.encode(member), session, now, limit, f"{_AWAY}{seat}"),
        )
        # Noted before, as always; and after, for whoever found the room empty takes away what was noted before.
        code, *flat = self._high.all((*noted, join, *noted))[len(noted)]
        if code == -1:
            raise Busy(f"{limit} devices are in the conference")
        return code, _conference(room, flat)

    def leave(
        self, room: RoomId, seats: Iterable[tuple[Seat, str]], session: str = ""
    ) -> tuple[int, Conference | None]:
        """Take devices out, each only if it joined under the id beside it ("" for any), and only of this ``session``
        where one is given. Returns how many left, and the conference as it then stands: without members it is over."""
        seats = list(seats)
        left, *flat = self._high.script(
            "conference_leave",
            (schema.conference(str(room)),),
            (session, *(part for seat, id in seats for part in (f"{_MEMBER}{seat}", id, f"{_AWAY}{seat}"))),
        )
        conference = _conference(room, flat) if flat else None
        remaining = {seat.client for seat in conference.members} if conference else set()
        for client in {seat.client for seat, _ in seats} - remaining:
            self._high.call("SREM", schema.conferences_of(client), str(room))
        return left, conference

    def get(self, room: RoomId) -> Conference | None:
        """The conference in a room; None when nobody is in it."""
        flat = self._high.call("HGETALL", schema.conference(str(room)))
        return _conference(room, flat) if flat else None

    def of(self, client: Client) -> list[Conference]:
        """The conferences that devices of a client are in; what it has left is taken off the list."""
        found = []
        for name in sorted(self._high.call("SMEMBERS", schema.conferences_of(client))):
            conference = self.get(room(name.decode()))
            if conference is not None and any(seat.client == client for seat in conference.members):
                found.append(conference)
            else:
                self._high.call("SREM", schema.conferences_of(client), name)
        return found

    def note_away(self, room: RoomId, seat: Seat, since: int | None) -> None:
        """Note that a member was not seen (``since`` in ms; the first time counts), or, with None, that it is there."""
        self._high.script(
            "conference_away",
            (schema.conference(str(room)),),
            (f"{_MEMBER}{seat}", f"{_AWAY}{seat}", "" if since is None else since),
        )

    # --- deadlines --------------------------------------------------------------------------------------------------

    def due(self, buckets: Iterable[int], now: int, limit: int) -> list[RoomId]:
        """Rooms to look at, at most ``limit`` of each bucket. Each comes again until the caller says ``postpone`` or
        ``forget_due``."""
        found = self._high.all(
            [
                ("ZRANGEBYSCORE", schema.due(schema.CONFERENCES_DUE, bucket), "-inf", now, "LIMIT", 0, limit)
                for bucket in buckets
            ]
        )
        return [room(name.decode()) for names in found for name in names]

    def postpone(self, room: RoomId, at: int) -> None:
        """Look at a room again at ``at`` (ms)."""
        self._high.call("ZADD", _due(room), at, str(room))

    def forget_due(self, room: RoomId) -> None:
        """Take the deadline off a room that nobody is in."""
        self._high.call("ZREM", _due(room), str(room))

    def live(self, buckets: Collection[int]) -> Iterator[Conference]:
        """The conferences of these buckets."""
        for bucket in buckets:
            for name in self._high.call("ZRANGE", schema.due(schema.CONFERENCES_DUE, bucket), 0, -1):
                conference = self.get(room(name.decode()))
                if conference is not None:
                    yield conference


def room(name: str) -> RoomId:
    """Take ``number@account`` apart."""
    number, _, account = name.partition("@")
    return RoomId(number, account)


def _due(room: RoomId) -> str:
    return schema.due(schema.CONFERENCES_DUE, slots.bucket(slots.slot(str(room))))


def _seat(text: str) -> Seat:
    device, _, client = text.partition(" ")
    return Seat(device, names.client(client))


def _conference(room: RoomId, flat: list[bytes]) -> Conference:
    fields = {field.decode(): value for field, value in pairs(flat)}
    members = {
        _seat(field.removeprefix(_MEMBER)): _member(value)
        for field, value in fields.items()
        if field.startswith(_MEMBER)
    }
    away = {_seat(field.removeprefix(_AWAY)): int(value) for field, value in fields.items() if field.startswith(_AWAY)}
    return Conference(
        room,
        fields["session"].decode(),
        int(fields["seq"]),
        int(fields["created"]),
        dict(sorted(members.items(), key=lambda member: (member[1].joined, member[0]))),
        away,
    )
