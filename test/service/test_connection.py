"""The states of a connection."""

import pytest

from crs.service.connection import TRANSITIONS, Connection


def test_the_way_of_a_client():
    connection = Connection("1", "127.0.0.1", 1)
    for state in ("authenticated", "negotiated", "registered", "negotiated", "registered", "closed"):
        connection.advance(state)
    assert TRANSITIONS["closed"] == set()


@pytest.mark.parametrize("state", ["negotiated", "registered", "connected"])
def test_a_step_that_is_not_in_the_table_is_our_fault(state):
    with pytest.raises(RuntimeError, match="connected -> "):
        Connection("1", "127.0.0.1", 1).advance(state)


def test_the_primary_mailbox_belongs_to_the_client():
    connection = Connection("1", "127.0.0.1", 1)
    connection.device_id, connection.device_type = "phone", "primary"
    assert connection.box == "primary"
    connection.device_type = "secondary"
    assert connection.box == "phone"
