"""The rules of legs, with time and sockets held still."""

import itertools
import re
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crs.relay.conversation import CONSENT, MAX_PACKET, CommandRefused, InUse, LimitReached, plain_media
from crs.relay.leg import SHORTEST, SILENT, Kind, RelayLeg
from crs.wire import stun

from ..wire import stunfiles
from . import loops
from .loops import SINGLE
from .running import ROOT

ANNA, BEN = ("anna5678901234567890", "a" * 24), ("ben45678901234567890", "b" * 24)
CARL, DORA = ("carl5678901234567890", "c" * 24), ("dora5678901234567890", "d" * 24)
HOME, CAFE, VICTIM, EVIL = ("192.0.2.1", 1000), ("198.51.100.2", 2000), ("203.0.113.3", 3000), ("203.0.113.66", 666)
MEDIA = b"\x80\x00" + bytes(20)
EXPIRY = 90_000
CHECK = b"\0\x24\0\4\x6e\0\1\xff"  # PRIORITY
NOMINATION = CHECK + b"\0\x25\0\0"  # and USE-CANDIDATE

transactions = (number.to_bytes(12, "big") for number in itertools.count(1))


class Silent:
    """The endpoint that packets came to. A table never sends by itself."""

    fds = (0,)

    def sendto(self, data, address):
        raise AssertionError("a table has sent something")


ENDPOINT = Silent()
FORWARD = "forward it"


@pytest.fixture(scope="module", params=SINGLE)
def new_table(request):
    """Makes a table, with the legs of either loop."""
    return partial(loops.new_table, request.param)


@pytest.fixture
def table(new_table):
    table = new_table({}, EXPIRY, [("192.0.2.146", 146)])
    table.add("call", Kind.RTP, [ANNA, BEN], ["+46701234567"], 0)
    return table


def request(leg, extra=b"", transaction=None):
    return stun.binding_request(transaction or next(transactions), leg[0], leg[1].encode(), extra=extra)


def bind(table, leg, source, now=0, extra=b""):
    """Send a fresh Binding; returns the answer."""
    return table.receive(request(leg, extra), source, ENDPOINT, now)


def judged(table, data, source, now=0):
    """What becomes of a packet: FORWARD, from the leg that is bound to its source, the bytes of an answer, or None."""
    verdict = table.receive(data, source, ENDPOINT, now)
    if isinstance(verdict, RelayLeg):
        assert verdict is table.bound[source]
        return FORWARD
    return verdict


def bound(table):
    """Address -> fragment."""
    return {address: leg.ufrag for address, leg in table.bound.items()}


# --- the folder of packets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", stunfiles.names("valid") + stunfiles.names("invalid"))
def test_a_packet_gets_its_answer_or_silence(new_table, name):
    case = stunfiles.load(name)
    table = new_table({}, EXPIRY, stunfiles.RELAYS)
    table.add("call", Kind.RTP, stunfiles.LEGS, [], 0)
    assert table.receive(case.packet, case.source, ENDPOINT, 0) == case.answer
    assert {cause: count for cause, count in table.dropped.items() if count} == ({case.cause: 1} if case.cause else {})
    if case.cause:
        assert not table.bound


# --- binding, moving ------------------------------------------------------------------------------------------------


def test_media_is_forwarded_from_a_bound_address_only(table):
    assert table.receive(MEDIA, HOME, ENDPOINT, 0) is None
    assert bind(table, ANNA, HOME)
    assert judged(table, MEDIA, HOME) is FORWARD
    assert table.receive(MEDIA, EVIL, ENDPOINT, 0) is None
    assert table.dropped["unbound"] == 2
    leg = table.bound[HOME]
    assert [other.ufrag for other in leg.others] == [BEN[0]]


def test_a_fresh_binding_moves_the_leg(table):
    bind(table, ANNA, HOME)
    assert bind(table, ANNA, CAFE, 1)
    assert bound(table) == {CAFE: ANNA[0]}


def test_a_replay_moves_nothing(table):
    recorded = request(ANNA)
    assert table.receive(recorded, HOME, ENDPOINT, 0)
    assert table.receive(recorded, EVIL, ENDPOINT, 1) is None
    assert table.receive(recorded, EVIL, ENDPOINT, CONSENT * 10) is None
    assert bound(table) == {HOME: ANNA[0]}
    assert table.dropped["replayed"] == 2


def test_a_replay_of_a_refused_request_gets_no_answer(table):
    recorded = request(ANNA, extra=b"\0\3\0\4\0\0\0\6")
    assert stun.parse(table.receive(recorded, HOME, ENDPOINT, 0)).type == stun.BINDING_ERROR
    assert table.receive(recorded, EVIL, ENDPOINT, 1) is None
    assert not table.bound


def test_a_retransmission_is_answered_but_proves_nothing(table):
    recorded = request(ANNA)
    answer = table.receive(recorded, HOME, ENDPOINT, 0)
    assert table.receive(recorded, HOME, ENDPOINT, CONSENT - 1) == answer
    table.sweep(CONSENT)
    assert not table.bound


def test_replays_are_refused_after_thousands_of_bindings(table):
    recorded = request(ANNA)
    table.receive(recorded, HOME, ENDPOINT, 0)
    for _ in range(5_000):
        bind(table, ANNA, HOME)
    assert table.receive(recorded, EVIL, ENDPOINT, 0) is None


def test_another_leg_does_not_take_a_live_address(table):
    table.add("evil", Kind.RTP, [CARL, DORA], [], 0)
    bind(table, ANNA, VICTIM)
    assert bind(table, CARL, VICTIM, SILENT - 1) is None  # forged source
    assert bound(table) == {VICTIM: ANNA[0]}
    table.receive(MEDIA, VICTIM, ENDPOINT, SILENT - 1)
    table.bound[VICTIM].heard = SILENT - 1  # as the socket layer notes it
    assert bind(table, CARL, VICTIM, SILENT + 1) is None
    assert bind(table, CARL, VICTIM, 2 * SILENT)
    assert bound(table) == {VICTIM: CARL[0]}
    assert table.dropped["taken"] == 2


def test_a_request_refused_as_taken_may_be_sent_again(table):
    table.add("next", Kind.RTP, [CARL, DORA], [], 0)
    bind(table, ANNA, HOME)
    retried = request(CARL)
    assert table.receive(retried, HOME, ENDPOINT, 1) is None
    table.remove("call")
    assert table.receive(retried, HOME, ENDPOINT, 2)


def test_one_socket_serves_one_leg_of_a_conversation(table):
    bind(table, ANNA, HOME)
    assert bind(table, BEN, HOME, 1) is None


def test_a_hang_up_frees_the_address_at_once(table):
    table.add("next", Kind.RTP, [CARL, DORA], [], 0)
    bind(table, ANNA, HOME)
    table.remove("call")
    assert bind(table, CARL, HOME, 1)


def test_a_relay_is_never_bound(table):
    assert bind(table, ANNA, ("192.0.2.146", 146)) is None
    assert not table.bound


# --- ICE agents -----------------------------------------------------------------------------------------------------


def test_the_first_check_binds(table):
    assert bind(table, ANNA, HOME, extra=CHECK)
    assert bound(table) == {HOME: ANNA[0]}


def test_a_check_from_another_address_is_answered_but_moves_nothing(table):
    bind(table, ANNA, HOME, extra=NOMINATION)
    assert bind(table, ANNA, CAFE, 1, extra=CHECK)
    assert bound(table) == {HOME: ANNA[0]}


def test_a_nomination_moves_the_leg(table):
    bind(table, ANNA, HOME, extra=CHECK)
    assert bind(table, ANNA, CAFE, 1, extra=NOMINATION)
    assert bound(table) == {CAFE: ANNA[0]}


def test_a_check_moves_a_silent_leg(table):
    bind(table, ANNA, HOME, extra=NOMINATION)
    assert bind(table, ANNA, CAFE, SILENT, extra=CHECK)
    assert bound(table) == {CAFE: ANNA[0]}


# --- consent, expiry ------------------------------------------------------------------------------------------------


def test_consent_runs_out_whatever_media_comes(table):
    bind(table, ANNA, HOME)
    table.bound[HOME].heard = CONSENT - 1
    table.sweep(CONSENT - 1)
    assert table.bound
    table.sweep(CONSENT)
    assert not table.bound


def test_a_refresh_renews_consent(table):
    bind(table, ANNA, HOME)
    bind(table, ANNA, HOME, CONSENT - 1)
    table.sweep(2 * CONSENT - 2)
    assert table.bound


def test_an_unused_conversation_expires(table):
    assert table.sweep(EXPIRY - 1) == []
    assert table.sweep(EXPIRY) == ["call"]
    assert table.poll(["call"], EXPIRY) == ["call"]
    assert bind(table, ANNA, HOME, EXPIRY) is None


def test_a_polled_conversation_stays(table):
    assert table.poll(["call", "other"], EXPIRY - 1) == ["other"]
    assert table.sweep(2 * EXPIRY - 2) == []


def test_a_used_conversation_stays(table):
    bind(table, ANNA, HOME, EXPIRY - 1)
    assert table.sweep(2 * EXPIRY - 2) == []
    assert table.sweep(2 * EXPIRY - 1) == ["call"]


# --- adding, limits -------------------------------------------------------------------------------------------------


def test_adding_again_changes_nothing(table):
    bind(table, ANNA, HOME)
    assert table.add("call", Kind.RTP, [ANNA, BEN], [], 1) is False
    assert table.bound


@pytest.mark.parametrize(
    "name, kind, legs",
    [
        ("call", Kind.OPAQUE, [ANNA, BEN]),
        ("call", Kind.RTP, [ANNA, CARL]),
        ("call", Kind.RTP, [ANNA, (BEN[0], "x" * 24)]),
        ("other", Kind.RTP, [ANNA, CARL]),
        ("other", Kind.RTP, [CARL, CARL]),
    ],
)
def test_a_name_or_fragment_is_not_used_twice(table, name, kind, legs):
    with pytest.raises(InUse):
        table.add(name, kind, legs, [], 1)
    assert table.add("fine", Kind.RTP, [CARL, DORA], [], 1)


@pytest.mark.parametrize(
    "kind, legs",
    [
        (Kind.RTP, [CARL]),
        (Kind.RTP, []),
        (Kind.OPAQUE, [CARL, DORA, ("x" * 8, "y" * 24)]),
        (Kind.OPAQUE_MULTICAST, [(f"many{number:016}", "y" * 24) for number in range(65)]),
        (Kind.RTP_PROXY, [CARL, DORA]),
    ],
)
def test_wrong_legs_are_refused(table, kind, legs):
    with pytest.raises(CommandRefused) as refusal:
        table.add("other", kind, legs, [], 1)
    assert refusal.value.word == "bad-request"


def test_limits_count_each_kind(new_table):
    table = new_table({"RTP": 1, "OPAQUE": None, "OPAQUE_MULTICAST": 0}, EXPIRY)
    table.add("call", Kind.RTP, [ANNA, BEN], [], 0)
    with pytest.raises(LimitReached, match="1 RTP relays"):
        table.add("more", Kind.RTP, [CARL, DORA], [], 0)
    with pytest.raises(LimitReached):
        table.add("more", Kind.OPAQUE_MULTICAST, [CARL, DORA], [], 0)
    table.add("call", Kind.RTP, [ANNA, BEN], [], 0)  # the same again is no further one
    table.add("data", Kind.OPAQUE, [CARL, DORA], [], 0)
    table.remove("data")
    table.remove("call")
    assert table.add("more", Kind.RTP, [CARL, DORA], [], 0)


# --- kinds ----------------------------------------------------------------------------------------------------------


def looks_like_stun(username=None):
    extra = b"" if username is None else b"\0\6\0\x14" + username
    return b"\0\1" + len(extra).to_bytes(2, "big") + stun.COOKIE + bytes(12) + extra


@pytest.mark.parametrize(
    "data, verdict",
    [
        (looks_like_stun(), FORWARD),
        (looks_like_stun(b"x" * 20), FORWARD),
        (looks_like_stun()[:14], FORWARD),
        (b"\0\1\2", FORWARD),
        (b"\0", FORWARD),
        (looks_like_stun(BEN[0].encode()), None),
        (b"", None),
        (bytes(MAX_PACKET), FORWARD),
        (bytes(MAX_PACKET + 1), None),
    ],
)
@pytest.mark.parametrize("kind", [Kind.OPAQUE, Kind.OPAQUE_MULTICAST])
def test_an_opaque_flow_forwards_all_but_our_bindings(new_table, kind, data, verdict):
    table = new_table({}, EXPIRY)
    table.add("data", kind, [ANNA, BEN], [], 0)
    bind(table, ANNA, HOME)
    assert judged(table, data, HOME) is verdict


@pytest.mark.parametrize(
    "data, verdict",
    [
        (looks_like_stun(), None),
        (looks_like_stun()[:14], None),
        (bytes(7), None),
        (bytes(8), FORWARD),
        (bytes(MAX_PACKET), FORWARD),
        (bytes(MAX_PACKET + 1), None),
    ],
)
def test_an_rtp_flow_forwards_no_stun(table, data, verdict):
    bind(table, ANNA, HOME)
    assert judged(table, data, HOME) is verdict


@settings(deadline=None)
@given(st.binary(max_size=20) | st.builds(bytes, st.integers(MAX_PACKET - 1, MAX_PACKET + 1)), st.sampled_from(Kind))
def test_plain_media_is_forwarded_with_another_look_too(new_table, data, kind):
    if kind not in SHORTEST:
        return
    table = new_table({}, EXPIRY)
    table.add("call", kind, [ANNA, BEN], [], 0)
    bind(table, ANNA, HOME)
    leg = table.bound[HOME]
    sizes = range(SHORTEST[kind], MAX_PACKET + 1)
    for first in (b"\x00", b"\x03", b"\x04", b"\x80"):
        packet = first + data
        plain = plain_media(leg, packet, len(packet))
        assert plain is (len(packet) in sizes and first >= b"\x04")
        assert not plain or table.receive(packet, HOME, ENDPOINT, 0) is leg


@pytest.mark.parametrize("source", ["fast.c", "xdp.bpf.c"])
def test_plain_media_is_bounded_by_the_same_numbers_in_every_language(source):
    text = (ROOT / "crs" / "relay" / source).read_text()
    assert re.search(r"\bMAX_PACKET = (\d+),", text)[1] == str(MAX_PACKET)
    assert re.search(r"\bFIRST_MEDIA = (\d+),", text)[1] == str(stun.FIRST_MEDIA)


def test_a_multicast_goes_to_all_others(new_table):
    table = new_table({}, EXPIRY)
    table.add("room", Kind.OPAQUE_MULTICAST, [ANNA, BEN, CARL], [], 0)
    bind(table, BEN, HOME)
    assert [other.ufrag for other in table.bound[HOME].others] == [ANNA[0], CARL[0]]


def test_a_multicast_takes_other_legs_and_who_stays_stays_bound(new_table):
    table = new_table({}, EXPIRY)

    def add(*legs, identifiers=()):
        return table.add("room", Kind.OPAQUE_MULTICAST, list(legs), list(identifiers), 0)

    def goes_to(source):
        return [other.ufrag for other in table.bound[source].others]

    assert add(ANNA) is True
    bind(table, ANNA, HOME)
    assert goes_to(HOME) == []
    assert add(ANNA, BEN, CARL, identifiers=["room"]) is False
    bind(table, BEN, CAFE)
    assert goes_to(HOME) == [BEN[0], CARL[0]] and goes_to(CAFE) == [ANNA[0], CARL[0]]
    assert [room.identifiers for room in table.conversations(0, 9)] == [["room"]]
    add(CARL, ANNA)
    assert bound(table) == {HOME: ANNA[0]} and goes_to(HOME) == [CARL[0]]
    assert bind(table, BEN, CAFE) is None  # the leg is gone
    add(ANNA, BEN)  # a fragment may come back
    assert bind(table, BEN, CAFE) is not None
    add(BEN)
    assert bound(table) == {CAFE: BEN[0]} and goes_to(CAFE) == []
    table.remove("room")
    assert bound(table) == {}
    table.add("call", Kind.RTP, [ANNA, BEN], [], 0)  # all fragments are free again


def test_a_multicast_is_given_no_leg_that_is_taken(new_table):
    table = new_table({}, EXPIRY)
    table.add("room", Kind.OPAQUE_MULTICAST, [ANNA], [], 0)
    table.add("call", Kind.RTP, [BEN, CARL], [], 0)
    for legs in ([ANNA, BEN], [ANNA, ANNA], [(ANNA[0], "x" * 24)], [ANNA, DORA, DORA]):
        with pytest.raises(InUse):
            table.add("room", Kind.OPAQUE_MULTICAST, legs, [], 0)
    assert [leg.ufrag for room in table.conversations(0, 1) for leg in room.legs] == [ANNA[0]]
    with pytest.raises(InUse):
        table.add("call", Kind.RTP, [BEN, DORA], [], 0)  # not for calls
    with pytest.raises(CommandRefused):
        table.add("room", Kind.OPAQUE_MULTICAST, [], [], 0)


# --- whatever comes -------------------------------------------------------------------------------------------------

GENUINE = request(ANNA, extra=CHECK)
sources = st.sampled_from([HOME, CAFE, EVIL])
mutated = st.builds(
    lambda at, bit, end: bytes(byte ^ (1 << bit if here == at else 0) for here, byte in enumerate(GENUINE[:end])),
    st.integers(0, len(GENUINE) - 1),
    st.integers(0, 7),
    st.integers(0, len(GENUINE)),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(mutated, st.binary(max_size=64)), sources), max_size=20))
def test_nothing_unauthenticated_is_answered_or_moves_an_address(new_table, packets):
    table = new_table({}, EXPIRY)
    table.add("call", Kind.RTP, [ANNA, BEN], [], 0)
    bind(table, ANNA, HOME)
    for data, source in packets:
        if data != GENUINE:
            assert judged(table, data, source, 1) in (None, FORWARD)
            assert source == HOME or table.receive(MEDIA, source, ENDPOINT, 1) is None
    assert bound(table) == {HOME: ANNA[0]}
