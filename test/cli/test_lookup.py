"""lookup client: the account's own domain, and those connected with it."""

from crs.names import Client
from crs.store.directory import Entry
from test.trust.updates.make import NOW

ALICE, BOB = Client("+46701111111", "acme"), Client("+46702222222", "acme")


def test_lookup_finds_the_own_domain_first(operator, store, connected):
    store.directory.register(
        Client(ALICE.uri, "beta"), Entry("p", "primary", "attach:0", "c", NOW, "5", "192.0.2.1", 1, "crs1"), NOW
    )
    found = operator("lookup client beta +46701111111")
    assert (found.columns, found.details) == (("SOURCE", "URI", "DOMAIN"), ("attached",))
    assert found.rows == [("internal", ALICE.uri, "beta", True), ("internal", ALICE.uri, "acme", False)]
    assert operator("lookup client beta +46702222222").rows == [("internal", BOB.uri, "acme", False)]


def test_lookup_verbose_shows_tokens(operator, store, connected):
    store.objects.put_token(ALICE, "alices token", NOW)
    found = operator("lookup client acme +46701111111 -v")
    assert found.columns == ("SOURCE", "URI", "DOMAIN", "CLIENT TOKEN", "DOMAIN TOKEN")
    assert found.rows == [
        ("internal", ALICE.uri, "acme", "alices token", "token of acme", False),
        ("internal", ALICE.uri, "beta", None, "token of beta", False),
    ]


def test_lookup_says_that_other_pools_were_not_asked(operator, store, connected, capsys):
    store.operator.put_peer("192.0.2.7", "secret", "", NOW)
    operator("lookup client acme +46701111111")
    assert capsys.readouterr().err == (
        "crs-cli: warning: inter-working links are not connected in this release: other pools were not asked\n"
    )
