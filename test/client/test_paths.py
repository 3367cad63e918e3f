"""Which relay addresses are bound, and where the media goes, with time held still."""

import itertools

from crs.client.paths import ANSWERS_FOR, HEARD_FOR, REFRESH, SEARCH, Paths
from crs.wire import stun
from crs.wire.vocabulary import Candidate, Leg

ONE, TWO = ("192.0.2.1", 146), ("192.0.2.2", 146)
PWD = "password-of-the-leg-1234"


def paths(*addresses) -> Paths:
    numbers = itertools.count(1)
    leg = Leg(0, "rtp", "fragment", PWD, [Candidate(*address) for address in addresses or (ONE, TWO)])
    return Paths(leg, lambda length: next(numbers).to_bytes(length, "big"))


def reply(request: bytes, key: str = PWD) -> bytes:
    return stun.success(stun.parse(request), stun.MESSAGE_INTEGRITY, key.encode(), ("198.51.100.7", 40000))


def refusal(request: bytes) -> bytes:
    return stun.refusal(stun.parse(request), stun.MESSAGE_INTEGRITY, PWD.encode())


def bind(these: Paths, now: float, *addresses) -> None:
    for request, address in these.due(now):
        if address in addresses:
            assert these.take_answer(reply(request), address, now)


def test_requests_prove_the_leg_and_go_to_every_candidate():
    requests = paths().due(0.0)
    assert [address for _, address in requests] == [ONE, TWO]
    for request, _ in requests:
        message = stun.parse(request)
        assert message.fragment == b"fragment"
        assert stun.authenticate(request, message, PWD.encode())


def test_a_silent_candidate_is_asked_often_and_a_bound_one_seldom():
    these = paths()
    bind(these, 0.0, ONE)
    asked = [address for at in range(1, 11) for _, address in these.due(at * SEARCH * 1.01)]
    assert asked.count(TWO) == 10
    assert asked.count(ONE) == int(10 * SEARCH / REFRESH)


def test_transaction_ids_are_never_used_twice():
    these = paths()
    sent = [stun.parse(request).transaction for at in range(50) for request, _ in these.due(float(at))]
    assert len(sent) == len(set(sent)) == 100


def test_only_an_authentic_answer_to_an_own_request_from_its_address_counts():
    these = paths()
    (request, _), _ = these.due(0.0)
    assert not these.take_answer(reply(request), TWO, 0.1)
    assert not these.take_answer(reply(request), ("192.0.2.9", 146), 0.1)
    assert not these.take_answer(reply(request, "another password"), ONE, 0.1)
    assert not these.take_answer(refusal(request), ONE, 0.1)
    assert not these.take_answer(request, ONE, 0.1)
    assert not these.take_answer(b"\0\1", ONE, 0.1)
    assert not these.is_bound(0.1)
    assert these.take_answer(reply(request), ONE, 0.1)
    assert not these.take_answer(reply(request), ONE, 0.2), "an answer counts once"
    assert these.is_bound(0.2)


def test_media_goes_over_every_bound_path_until_the_other_end_is_heard_then_over_one():
    these = paths()
    assert these.targets(0.0) == []
    bind(these, 0.0, ONE, TWO)
    assert these.targets(0.1) == [ONE, TWO]
    these.note_heard(TWO, 0.2)
    assert these.targets(0.2) == [TWO]
    these.note_heard(ONE, 0.25)
    assert these.targets(0.25) == [TWO], "the path in use is kept while it works"


def test_both_ends_prefer_the_same_path_however_the_candidates_are_listed():
    assert paths(TWO, ONE).due(0.0)[0][1] == paths(ONE, TWO).due(0.0)[0][1] == ONE


def test_when_a_relay_dies_media_goes_on_over_the_other():
    these = paths()
    bind(these, 0.0, ONE, TWO)
    these.note_heard(ONE, 0.0)
    assert these.targets(0.0) == [ONE]
    silent = HEARD_FOR + 0.01  # the other end fell silent: its relay may be the dead one
    assert these.targets(silent) == [ONE, TWO]
    these.note_heard(TWO, silent)
    assert these.targets(silent) == [TWO]


def test_a_path_that_no_longer_answers_is_left():
    these = paths()
    bind(these, 0.0, ONE, TWO)
    these.note_heard(ONE, 0.0)
    later = ANSWERS_FOR + 0.1
    bind(these, later, TWO)
    these.note_heard(TWO, later)
    assert these.targets(later) == [TWO]


def test_media_from_elsewhere_moves_nothing():
    these = paths()
    bind(these, 0.0, ONE, TWO)
    these.note_heard(("192.0.2.9", 146), 0.1)
    assert these.targets(0.1) == [ONE, TWO]


def test_an_answer_holds_for_a_while_only():
    these = paths()
    bind(these, 0.0, ONE)
    assert these.is_bound(ANSWERS_FOR - 0.1) and not these.is_bound(ANSWERS_FOR + 0.1)


def test_mapped_addresses_are_plain():
    assert paths(("::ffff:192.0.2.1", 146)).due(0.0)[0][1] == ONE
