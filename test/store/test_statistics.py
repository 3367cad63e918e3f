"""Statistics per client: what is counted, for whom there is a row, what is cleared."""

from crs.names import Client
from crs.store.statistics import COLUMNS, COUNTED, STATED
from crs.trust.update import Update
from test.store.conftest import ALICE, BOB, NOW

CAROL = Client("+46703333333", "acme")
FOREIGN = ALICE._replace(account="acme-2")
MONTH, NEXT = "202511", "202512"  # those of NOW


def hold(store, month, *clients):
    store.accounts.put_update(
        Update(
            account="acme",
            month=month,
            created=NOW,
            month_key=bytes(32),
            domain_token="t",
            domains=[],
            clients={client.uri: "opaque" for client in clients},
        ),
        NOW,
    )


def test_the_columns_are_those_of_the_manual():
    assert COLUMNS == (
        "tel-uri",
        "session-outgoing",
        "session-incoming",
        "message-outgoing",
        "message-incoming",
        "system-outgoing",
        "system-incoming",
        "conference-calls",
        "initiated-multi-session",
        "accepted-multi-session",
        "sent-group-call-invite",
        "accepted-group-call-invite",
        "current-offered",
        "current-confirmed",
        "next-offered",
        "next-confirmed",
    )


def test_a_row_for_every_client_of_the_account(store):
    hold(store, MONTH, ALICE, BOB)
    hold(store, NEXT, BOB)
    store.objects.confirm(BOB, MONTH, NOW)
    store.objects.observe(CAROL)
    store.statistics.count(FOREIGN, "session-outgoing")
    for column, times in (("session-outgoing", 2), ("accepted-group-call-invite", 1)):
        for _ in range(times):
            store.statistics.count(ALICE, column)
    rows = {row.uri: row for row in store.statistics.export("acme", NOW)}
    assert list(rows) == [ALICE.uri, BOB.uri, CAROL.uri]
    assert rows[ALICE.uri].counts == (2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) and len(COUNTED) == 11
    assert [dict(zip(STATED, rows[uri].states, strict=True)) for uri in (ALICE.uri, BOB.uri, CAROL.uri)] == [
        {"current-offered": True, "current-confirmed": False, "next-offered": False, "next-confirmed": False},
        {"current-offered": True, "current-confirmed": True, "next-offered": True, "next-confirmed": False},
        {"current-offered": False, "current-confirmed": False, "next-offered": False, "next-confirmed": False},
    ]
    assert store.statistics.page("acme", NOW, ALICE.uri, 500) == list(rows.values())[1:]
    assert store.statistics.page("acme", NOW, "", 2) == list(rows.values())[:2]


def test_clear_takes_the_counts_of_one_account(store):
    for client in (ALICE, BOB, FOREIGN):
        store.statistics.count(client, "message-outgoing")
    assert store.statistics.clear("acme") == 2
    assert list(store.statistics.export("acme", NOW)) == []
    (row,) = store.statistics.export(FOREIGN.account, NOW)
    assert row.counts[COUNTED.index("message-outgoing")] == 1
    assert store.statistics.clear("acme") == 0
