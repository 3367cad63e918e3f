"""Relay conversations of calls: none stays allocated that no record names."""

import mock
import pytest

from crs.errors import Busy, NoSuchSession, Unavailable
from crs.relay.client import RelayClient, RelayRefused
from crs.service import media
from crs.service.media import RelayedStream
from crs.service.relays import Relays
from crs.store.calls import Call, CallConflict

CALL = Call("crs1.x", "+4670@acme", "+4671@acme", "talk", 3, 0)
OLD, ADDED = (
    RelayedStream(f"crs1.x/{number}", "rtp", "audio", ("u" * 20, "p" * 24), ("v" * 20, "q" * 24)) for number in (0, 1)
)


@pytest.fixture
def relay():
    return mock.create_autospec(RelayClient, instance=True)


def freed(relay) -> list[str]:
    return [call.args[0] for call in relay.remove.call_args_list]


def test_what_the_record_names_stays(relay):
    with Relays(relay, []).allocated(CALL, [OLD, ADDED], [ADDED]):
        assert [call.args[0] for call in relay.add.call_args_list] == [OLD.conversation, ADDED.conversation]
    assert freed(relay) == []


@pytest.mark.parametrize("fault", [CallConflict(CALL), NoSuchSession()])
def test_what_the_record_does_not_come_to_name_is_freed(relay, fault):
    with pytest.raises(type(fault)), Relays(relay, []).allocated(CALL, [OLD, ADDED], [ADDED]):
        raise fault
    assert freed(relay) == [ADDED.conversation]


def test_a_limit_half_way_frees_what_was_allocated_before_it(relay):
    relay.add.side_effect = [None, RelayRefused("limit", "no more")]
    with pytest.raises(Busy), Relays(relay, []).allocated(CALL, [OLD, ADDED], [OLD, ADDED]):
        raise AssertionError("nothing was allocated")
    assert freed(relay) == [OLD.conversation, ADDED.conversation]


def test_where_the_record_may_name_it_it_stays(relay):
    with pytest.raises(Unavailable), Relays(relay, []).allocated(CALL, [ADDED], [ADDED]):
        raise Unavailable("the store did not answer")
    assert freed(relay) == []


def test_a_relay_that_is_down_frees_by_itself(relay):
    relay.remove.side_effect = Unavailable("the relay does not answer")
    Relays(relay, []).release([OLD])


def test_legs_of_a_multicast_are_named_by_their_credentials(relay):
    Relays(relay, []).allocate_multicast("room", [("u", "p")], ["123456@acme"])
    relay.add.assert_called_once_with("room", "OPAQUE_MULTICAST", [{"ufrag": "u", "pwd": "p"}], ["123456@acme"])
    assert media.other("caller") == "callee" and media.other("callee") == "caller"
