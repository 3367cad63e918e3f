"""Conferences: who is in, under which join, what is left when the last one goes."""

import pytest

from crs.errors import Busy
from crs.store.conferences import Member, RoomId, Seat
from test.store.conftest import ALICE, BOB, NOW

ROOM = RoomId("100200", "acme")
PHONE, TABLET, BOBS = Seat("phone", ALICE), Seat("tablet", ALICE), Seat("phone", BOB)
LATER = NOW + 60_000


def member(id="j1", ufrag="u", joined=NOW):
    return Member(id, ufrag, "p", "", joined)


def join(store, seat, session="s1", limit=10, **what):
    return store.conferences.join(ROOM, seat, member(**what), session, NOW, limit, LATER)


def test_the_first_begins_it_and_the_last_ends_it(store):
    conferences = store.conferences
    assert conferences.get(ROOM) is None
    code, first = join(store, PHONE)
    assert (code, first.session, first.seq, first.created, first.members) == (1, "s1", 1, NOW, {PHONE: member()})
    code, second = join(store, BOBS, "ignored", joined=NOW + 1)
    assert (code, second.session, second.seq, list(second.members)) == (1, "s1", 2, [PHONE, BOBS])
    left, after = conferences.leave(ROOM, [(PHONE, "")])
    assert (left, after.seq, list(after.members)) == (1, 3, [BOBS])
    left, after = conferences.leave(ROOM, [(BOBS, "j1")])
    assert (left, after.session, after.members) == (1, "s1", {})
    assert conferences.get(ROOM) is None
    assert conferences.leave(ROOM, [(BOBS, "")]) == (0, None)
    assert join(store, BOBS, "s2")[1].session == "s2"


def test_a_retry_finds_its_own_join(store):
    join(store, PHONE, ufrag="first")
    code, again = join(store, PHONE, ufrag="second")
    assert (code, again.seq, again.members[PHONE].ufrag) == (0, 1, "first")
    code, anew = join(store, PHONE, id="j2", ufrag="third")
    assert (code, anew.seq, anew.members[PHONE].ufrag) == (2, 2, "third")
    assert store.conferences.leave(ROOM, [(PHONE, "j1")])[0] == 0  # a late step about the join before
    assert store.conferences.leave(ROOM, [(PHONE, "j2")], "another session")[0] == 0
    assert store.conferences.leave(ROOM, [(PHONE, "j2")], "s1")[0] == 1


def test_a_conference_has_its_limit(store):
    join(store, PHONE, limit=2)
    join(store, TABLET, limit=2)
    with pytest.raises(Busy):
        join(store, BOBS, limit=2)
    assert join(store, TABLET, limit=2, id="j2")[0] == 2  # who is in may come anew
    assert store.conferences.of(BOB) == []


def test_the_conferences_of_a_client(store):
    join(store, PHONE)
    join(store, TABLET)
    assert [conference.room for conference in store.conferences.of(ALICE)] == [ROOM]
    store.conferences.leave(ROOM, [(PHONE, "")])
    assert [conference.room for conference in store.conferences.of(ALICE)] == [ROOM]
    store.conferences.leave(ROOM, [(TABLET, "")])
    assert store.conferences.of(ALICE) == [] == store.conferences.of(BOB)


def test_away_is_noted_once_and_forgotten_by_a_join(store):
    join(store, PHONE)
    for since in (NOW + 1, NOW + 2):
        store.conferences.note_away(ROOM, PHONE, since)
    store.conferences.note_away(ROOM, BOBS, NOW)  # not a member
    assert store.conferences.get(ROOM).away == {PHONE: NOW + 1}
    store.conferences.note_away(ROOM, PHONE, None)
    assert store.conferences.get(ROOM).away == {}
    store.conferences.note_away(ROOM, PHONE, NOW + 3)
    assert join(store, PHONE)[1].away == {}


def test_deadlines(store):
    everywhere = range(64)
    assert list(store.conferences.live(everywhere)) == []
    join(store, PHONE)
    assert store.conferences.due(everywhere, LATER - 1, 10) == []
    assert store.conferences.due(everywhere, LATER, 10) == [ROOM]
    assert [conference.session for conference in store.conferences.live(everywhere)] == ["s1"]
    store.conferences.postpone(ROOM, LATER + 5)
    assert store.conferences.due(everywhere, LATER, 10) == []
    store.conferences.leave(ROOM, [(PHONE, "")])
    assert store.conferences.due(everywhere, LATER + 5, 10) == [ROOM]
    store.conferences.forget_due(ROOM)
    assert store.conferences.due(everywhere, LATER + 5, 10) == []
