"""Conference rooms: who is in one, with a leg each in one multicast conversation of the relay.

The record is changed first, then the relay has the members' legs, then they are told; a retry does the last two again.
"""

from collections.abc import Sequence
from random import Random

from ..names import Client
from ..store.conferences import Conference, Conferences, RoomId, Seat
from ..store.directory import Directory
from ..wire.vocabulary import RoomChanged, RoomEnded, RoomMember
from .accounts import Accounts
from .calls import TALK_CHECK
from .delivery import Delivery
from .events import Events
from .relays import Relays


class RoomControl:
    """``records`` has the conferences as they are stored."""

    def __init__(
        self,
        records: Conferences,
        host: str,
        random: Random,
        accounts: Accounts,
        directory: Directory,
        relays: Relays,
        delivery: Delivery,
        events: Events,
    ):
        self.records = records
        self._host = host
        self._random = random
        self._accounts = accounts
        self._directory = directory
        self._relays = relays
        self._delivery = delivery
        self._events = events

    def name(self) -> str:
        """The name of a conference that begins now; it names the host."""
        return f"{self._host}.room.{self._random.getrandbits(80):020x}"

    def allocate(self, conference: Conference | None) -> Conference | None:
        """Have the relay hold the legs of all members, as they stand when this returns; returns the conference, None
        when it is over. Raises Busy, Unavailable.

        Two workers may do this at a time: whoever finds the record changed does it again.
        """
        while conference is not None:
            self._relays.allocate_multicast(
                conference.session,
                [(member.ufrag, member.pwd) for member in conference.members.values()],
                [str(conference.room), *map(str, dict.fromkeys(seat.client for seat in conference.members))],
            )
            now = self.records.get(conference.room)
            if now is None or now.session != conference.session:
                self._relays.release_conversation(conference.session)
            elif now.seq == conference.seq:
                return now
            conference = now
        return None

    def drop(self, conference: Conference, seats: Sequence[Seat], reason: str = "") -> None:
        """Take devices out, free their legs, tell the others, and with a ``reason`` those that went."""
        seats = [seat for seat in seats if seat in conference.members]
        held = [(seat, conference.members[seat].id) for seat in seats]
        left, after = self.records.leave(conference.room, held, conference.session)
        if not left:
            return
        for seat in seats:
            self._events.debug(f"{seat.client} leaves conference room {conference.room}{reason and f' ({reason})'}")
            if reason:
                ended = RoomEnded(*conference.room, conference.session, reason)
                self._delivery.wake(seat.client, "room.ended", ended, [seat.device])
        if after is None or not after.members:
            self._relays.release_conversation(conference.session)
            return
        self.tell_members(self.allocate(after))

    def leave_all(self, client: Client, reason: str) -> None:
        """Take all devices of a client out of all conferences."""
        for conference in self.records.of(client):
            self.drop(conference, [seat for seat in conference.members if seat.client == client], reason)

    def check(self, room: RoomId, now: int) -> None:
        """The regular look: who may not be there any more goes, and who was not registered at two looks; the relay is
        given the legs of the others again."""
        conference = self.records.get(room)
        if conference is None:
            self.records.forget_due(room)
            return
        removed, lost = [], []
        for seat in conference.members:
            present = any(entry.device_id == seat.device for entry in self._directory.lookup(seat.client))
            if not self._accounts.may_join(seat.client, *room):
                removed.append(seat)
            elif seat in conference.away and not present:
                lost.append(seat)
            elif present == (seat in conference.away):
                self.records.note_away(room, seat, None if present else now)
        for seats, reason in ((removed, "removed"), (lost, "lost")):
            if seats:
                self.drop(conference, seats, reason)
        self.records.postpone(room, now + TALK_CHECK)
        self.allocate(self.records.get(room))

    def tell_members(self, conference: Conference | None, but: Seat | None = None) -> None:
        """Tell the members of a conference, if it goes on, who is in it now."""
        if conference is None:
            return
        changed = RoomChanged(*conference.room, conference.session, conference.seq, members_of(conference))
        for seat in conference.members:
            if seat != but:
                self._delivery.wake(seat.client, "room.changed", changed, [seat.device])


def members_of(conference: Conference) -> list[RoomMember]:
    """The members as clients see them."""
    return [
        RoomMember(seat.client.uri, seat.client.account, seat.device, member.body)
        for seat, member in conference.members.items()
    ]
