"""What clients store: show client-info and client-storage, delete client-info."""

from crs.names import Client
from crs.store.objects import Info
from test.trust.updates.make import NOW

ALICE, BOB = Client("+46701111111", "acme"), Client("+46702222222", "acme")


def test_client_info(operator, store, accounts):
    store.objects.put_info(BOB, Info(NOW, NOW + 2_340, None, "android", "14", "5.2"))
    store.objects.put_info(ALICE, Info(NOW, NOW - 61_000, NOW - 5, "iOS", "17", "5.1"))
    shown = operator("show client-info acme")
    assert shown.columns == ("Uri", "Timestamp", "Client Time", "Scan Time", "OS", "OS Version", "CCA Version")
    assert shown.rows == [
        (ALICE.uri, NOW, -61.0, NOW - 5, "iOS", "17", "5.1"),
        (BOB.uri, NOW, 2.3, None, "android", "14", "5.2"),
    ]
    operator("delete client-info acme +46701111111")
    assert [row[0] for row in operator("show client-info acme").rows] == [BOB.uri]


def test_client_storage(operator, store, accounts):
    store.objects.put_blob(BOB, "b", "1", "å", NOW, 1000)
    store.objects.put_blob(ALICE, "z", "1", "value", NOW, 1000)
    store.objects.put_blob(ALICE, "a", "2", "", NOW + 1, 1000)
    shown = operator("show client-storage acme")
    assert shown.columns == ("Server", "Uri", "Bytes", "Last Updated", "Type")
    assert shown.rows == [
        ("crs1", ALICE.uri, 0, NOW + 1, "a"),
        ("crs1", ALICE.uri, 5, NOW, "z"),
        ("crs1", BOB.uri, 2, NOW, "b"),
    ]
