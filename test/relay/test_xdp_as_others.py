"""Media offload: what holds for the other loops holds with the driver before them, that is, the very same tests."""

import pytest

from . import test_fast, test_server
from .loops import LOOPS
from .test_fast import SIZES
from .wire import at_clients, offloading

# All that the relay does at one address. Those not here need several, or a driver that stops when the relay does.
OTHERS = (
    "test_answers_leave_from_the_address_that_was_asked",
    "test_mapped_addresses_are_made_plain",
    "test_a_second_relay_says_that_the_port_is_taken",
)
FIXTURES = "freed", "pair", "relay"  # what they ask for
globals().update(
    {
        name: value
        for name, value in vars(test_server).items()
        if name in FIXTURES or (name.startswith("test_") and name not in OTHERS)
    }
)
test_conversations_come_and_go_under_traffic = test_fast.test_conversations_come_and_go_under_traffic
FITTING = {**SIZES, "as large as may be": [1500] * 30}  # from a driver each comes in a page: a socket takes no more


@pytest.fixture(scope="module")
def wire():
    with at_clients() as wire:
        yield wire


@pytest.fixture(scope="module", params=[LOOPS[0], LOOPS[-1]])
def new_relay(request, wire):
    """Makes a relay process with media offload (if none has the device), on the other end of the wire."""
    return offloading(wire, request.param)


@pytest.mark.parametrize("sizes", FITTING.values(), ids=FITTING.keys())
def test_bursts_arrive_whole_and_in_order(relay, sizes):
    test_fast.test_bursts_arrive_whole_and_in_order(relay, sizes)
