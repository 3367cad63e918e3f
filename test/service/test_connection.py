"""The states of a connection, and how many one user may have."""

import pytest
from mock import Mock

from crs.names import Client
from crs.service.connection import MAX_CONNECTIONS, TRANSITIONS, Connection, Connections


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


@pytest.fixture
def connections():
    return Connections("0.boot")


def attached(connections: Connections, uri: str = "+46701111111", is_up: bool = True) -> tuple[Connection, list]:
    """A new connection of a user, and what is to be closed for it; not ``is_up``: its handshake goes on."""
    connection = connections.open("127.0.0.1", 1)
    connection.client, connection.kind = Client(uri, "acme"), "client"
    closing = connections.admit(connection)
    connection.advance("authenticated")
    connection.transport = Mock(name=connection.id) if is_up else None
    return connection, closing


def test_a_user_with_too_many_connections_loses_its_oldest(connections):
    held = [attached(connections)[0] for _ in range(MAX_CONNECTIONS)]
    attached(connections, "+46702222222")
    for oldest in held[:3]:  # each once, though none of them is closed yet
        assert attached(connections)[1] == [oldest.transport]
    for oldest in held[:3]:
        connections.forget(oldest)
    assert attached(connections)[1] == [held[3].transport]


def test_connections_that_ended_do_not_count(connections):
    held = [attached(connections)[0] for _ in range(MAX_CONNECTIONS)]
    connections.forget(held[5])
    assert attached(connections)[1] == []
    assert attached(connections)[1] == [held[0].transport]


def test_a_connection_that_is_not_up_yet_is_passed_over_and_made_up_for(connections):
    opening = [attached(connections, is_up=False)[0] for _ in range(MAX_CONNECTIONS)]
    assert attached(connections)[1] == []
    for connection in opening:
        connection.transport = Mock()
    assert attached(connections)[1] == [opening[0].transport, opening[1].transport]
