"""What is kept for a client beside its mailbox, and that erasing an account leaves nothing of it."""

from crs.store.directory import Entry
from crs.store.mailbox import ref
from test.store.conftest import ALICE, BOB, DAY, NOW

FOREIGN = ALICE._replace(account="acme-2")   # the same number, in an account whose name begins alike


def test_token(store):
    assert store.objects.token(ALICE) is None
    store.objects.put_token(ALICE, "token", NOW)
    store.objects.put_token(ALICE, "newer", NOW + 1)
    assert store.objects.token(ALICE) == ("newer", NOW + 1)
    assert store.objects.token(FOREIGN) is None


def test_the_first_confirmation_counts(store):
    store.objects.confirm(ALICE, "202611", NOW)
    store.objects.confirm(ALICE, "202611", NOW + 1)
    store.objects.confirm(ALICE, "202612", NOW + 2)
    assert store.objects.confirmed(ALICE) == {"202611": NOW, "202612": NOW + 2}
    assert store.objects.confirmed(BOB) == {}


def test_observed(store):
    store.objects.observe(ALICE)
    assert store.objects.observed([BOB, ALICE, FOREIGN]) == [False, True, False]
    assert store.objects.observed([]) == []
    assert store.objects.forget_observed("acme") == 1
    assert store.objects.observed([ALICE]) == [False]


def test_erase_takes_one_account_and_no_other(store):
    def fill(client):
        store.devices.seen(client, "tablet", "secondary", NOW)
        store.mailbox.post(client, ref("content", client, "m"), client, "m", "content", "x", NOW, NOW + DAY, 10, 10_000)
        store.mailbox.fetch(client, "primary", 0, 10, NOW)
        store.directory.register(client, Entry("phone", "primary", "attach:0", f"0.{client}", NOW, "5.0", "::1", 1,
                                               "crs1"), NOW)
        store.calls.join("crs1.abc", client)
        store.objects.put_token(client, "token", NOW)
        store.objects.confirm(client, "202611", NOW)
        store.objects.observe(client)

    for client in (ALICE, BOB, FOREIGN):
        fill(client)
    assert store.erase("acme") == 2
    left = [key for redis in (store.low, store.high) for key, _ in redis.each("*", lambda key: ("TYPE", key))]
    assert [key for key in left if b"@acme" in key and b"@acme-2" not in key or key == b"observed:acme"] == []
    assert store.mailbox.waiting(FOREIGN, "tablet") == 1
    assert store.objects.observed([FOREIGN]) == [True]
    later = NOW + 2 * DAY
    assert set(store.mailbox.due(range(64), later, 10)) == {ALICE, BOB, FOREIGN}   # looks that find nothing, and go
    assert list(store.mailbox.due(range(64), later + 1, 10)) == [FOREIGN]
    assert store.erase("acme") == 0
