"""Statistics of clients: stats export, stats clear."""

from crs.names import Client
from crs.store.statistics import COLUMNS

ALICE, BOB = Client("+46701111111", "acme"), Client("+46702222222", "acme")


def test_statistics(operator, store, connected):
    store.statistics.count(BOB, "session-outgoing")
    store.statistics.count(BOB, "session-outgoing")
    shown = operator("stats export acme")
    assert (shown.columns, shown.tabs) == (COLUMNS, True)
    assert [row[:2] for row in shown.rows] == [(ALICE.uri, 0), (BOB.uri, 2)]
    assert all(len(row) == len(COLUMNS) for row in shown.rows)
    assert operator("stats clear acme").text == "statistics of 1 client of account acme cleared"
    assert [row[1] for row in operator("stats export acme").rows] == [0, 0]
