"""Conference rooms: create, delete, list, lookup."""

from crs.names import Client

ALICE = Client("+46701111111", "acme")


def test_conference_rooms(operator, store, seen):
    created = operator("create conference-room 123456 acme +46701111111")
    assert (created.columns, created.rows) == (("CONFERENCE-ROOM", "ACCOUNT", "URI"), [("123456", "acme", ALICE.uri)])
    assert operator.refuses("create conference-room 123456 acme +46709999999 --yes") == (
        "room 123456 of account acme belongs to +46701111111 already"
    )
    operator("create conference-room 123456 beta +46701111111 --yes")
    assert operator("list conference-room").rows == [("123456", "acme", ALICE.uri), ("123456", "beta", ALICE.uri)]
    found = operator("lookup conference-room 123456 acme")
    assert (found.columns, found.rows) == (("CONFERENCE-ROOM", "DOMAIN", "URI"), [("123456", "acme", ALICE.uri)])
    assert operator("delete conference-room 123456 acme +46701111111").fields == {
        "conference_room": "123456",
        "account": "acme",
        "uri": ALICE.uri,
    }
    assert operator("list conference-room").rows == [("123456", "beta", ALICE.uri)]
