"""Push tokens, and the wake-up that this release cannot send."""

from crs.names import Client
from crs.store.directory import Entry
from crs.store.objects import PushTokens
from test.trust.updates.make import NOW

ALICE = Client("+46701111111", "acme")


def test_push_tokens(operator, store, connected):
    assert operator("show push-token acme +46701111111").rows == []
    store.objects.put_push_tokens(ALICE, PushTokens("p", "primary", "ios", NOW - 9, NOW - 5_500, {"voip": "t"}))
    shown = operator("show push-token acme +46701111111")
    assert shown.columns == ("Created", "Saved", "Age", "Client-Type", "Tokens")
    assert shown.rows == [(NOW - 9, NOW - 5_500, 5, "ios", {"voip": "t"}, "p", "primary")]


def test_wakeup_says_that_it_cannot_and_whether_the_client_is_attached(operator, store, connected):
    told = "+46701111111 was not woken: push is not connected in this release; it is"
    assert operator.refuses("wakeup client acme +46701111111") == f"{told} not attached now"
    store.directory.register(ALICE, Entry("p", "primary", "attach:0", "c", NOW, "5", "192.0.2.1", 1, "crs1"), NOW)
    assert operator.refuses("wakeup client acme +46701111111") == f"{told} attached now"
