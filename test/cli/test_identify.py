"""Whose tag this is: a number by the key of the host, a token among those that are held."""

import pytest

from crs.names import Client
from crs.telemetry import tags as logtags

ALICE = Client("+46701234567", "acme")
TOKEN = "eyJhbGciOiJFZERTQSJ9.a.b"


@pytest.fixture
def tags(home) -> logtags.Tags:
    logtags.make_key(home)
    return logtags.Tags(logtags.key(home), lambda: "202611")


def test_a_number(operator, tags):
    assert operator(f"identify {tags.hide(ALICE.uri)}@acme").text == ALICE.uri
    assert operator.refuses("identify id-202611-aaaaaaaa") == (
        "id-202611-aaaaaaaa is no tag of this host, or not complete; "
        "the key that made it is in the backups of that time"
    )


def test_a_token_that_a_client_has_here(operator, store, tags):
    store.objects.put_token(ALICE, TOKEN, 1)
    assert operator(f"identify {tags.hide(TOKEN)}").text == f"{ALICE}, client token"
    other = tags.hide(TOKEN + "x")
    assert operator.refuses(f"identify {other}") == (
        f"none of the tokens that clients have here (1) has the tag {other}; it may be gone, or be that of another host"
    )
