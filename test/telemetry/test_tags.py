"""Tags in the log: who is behind one the host can tell, and nobody else; a month later it is another."""

import os
import re
import stat

import pytest

from crs import log
from crs.errors import OperatorFault
from crs.home import files
from crs.home.paths import Home
from crs.telemetry import tags as logtags
from crs.telemetry.tags import Tags

ALICE = "+46701234567"
JOSE = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIrNDY3MDEyMzQ1NjcifQ.c2lnbmF0dXJl"
APNS = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"


@pytest.fixture
def tags() -> Tags:
    return Tags(bytes(range(32)), lambda: "202611")


@pytest.mark.parametrize(
    "uri", [ALICE, "+123", "+123456789012345", "urn:x-crs:client:desk", "urn:x-crs:client:" + "a" * 40]
)
@pytest.mark.parametrize("form", ["{}", "{}@acme unregistered", "relay: {}: busy", "<{}>", "x{}", "GET /?u={}&v=1"])
def test_an_identity_becomes_a_tag_that_the_host_opens(tags, uri, form):
    hidden = tags.hide(form.format(uri))
    assert uri not in hidden
    (tag,) = re.findall(r"id-202611-[a-z2-7]+", hidden)
    assert hidden == form.format(tag) and tags.open(tag) == uri


def test_a_percent_encoded_number_and_a_urn_in_other_letters(tags):
    assert tags.hide("GET /%2B46701234567") == f"GET /{tags.uri(ALICE, '202611')}"
    assert tags.open(tags.hide("URN:X-CRS:CLIENT:desk")) == "urn:x-crs:client:desk"


@pytest.mark.parametrize("token", [JOSE, APNS, "dQw4w9WgXcQ:APA91b" + "Ab-_9" * 30])
def test_a_token_becomes_a_tag_that_is_known_again(tags, token):
    assert tags.hide(f"push {token} refused") == f"push {tags.token(token, '202611')} refused"


@pytest.mark.parametrize(
    "text",
    [
        "app:attach:0(4711) is ready",
        "listening on [2001:db8::1]:5223",
        "crs 0.1, crs1 at 127.0.0.1:5223, redis 7.0.15",
        "attach refused: 192.0.2.7:50123 connected: no cipher in common",
        "accounts loaded: acme, emca",
        "+1 more",
        "records of version 1795564800000 loaded",
        "relay: 3 conversations added again",
        "/opt/crs/log/redis_low.log",
    ],
)
def test_what_is_no_identity_stays(tags, text):
    assert tags.hide(text) == text


def test_no_one_can_link_two_months_or_two_hosts(tags):
    other = Tags(bytes(32), lambda: "202611")
    shown = {tags.uri(ALICE, "202611"), tags.uri(ALICE, "202612"), other.uri(ALICE, "202611")}
    assert len(shown) == 3 and len({tag[10:20] for tag in shown}) == 3
    assert tags.uri(ALICE, "202611") == tags.uri(ALICE, "202611") != tags.uri("+46701234568", "202611")
    for wrong in (other.uri(ALICE, "202611"), tags.uri(ALICE, "202611")[:-1], "id-202611-a", "id-202612-mfrgg"):
        with pytest.raises(ValueError, match="is no tag of this host"):
            tags.open(wrong)


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path):
    home = Home(tmp_path / "crs")
    home.create({})
    with pytest.raises(OperatorFault, match="No such file"):
        logtags.key(home)
    logtags.make_key(home)
    key = logtags.key(home)
    logtags.make_key(home)
    assert logtags.key(home) == key and len(key) == 32
    assert stat.S_IMODE(home.log_key.stat().st_mode) == 0o600
    home.log_key.chmod(0o644)
    with pytest.raises(OperatorFault, match="chmod 600"):
        logtags.key(home)
    files.write(home.log_key, b"short\n")
    with pytest.raises(OperatorFault, match="holds no key"):
        logtags.key(home)


def test_the_log_writes_what_hides(tmp_path, monkeypatch, tags):
    monkeypatch.setattr(log, "_FILE", log._File())
    own = log.setup(tmp_path / "crs.log", "attach")
    log.disguise(tags.hide)
    try:
        own.info(f"{ALICE}@acme said {JOSE}")
    finally:
        log.disguise(None)
    own.info(ALICE)
    first, second = (tmp_path / "crs.log").read_text().splitlines()
    assert first.endswith(f"{tags.uri(ALICE, '202611')}@acme said {tags.token(JOSE, '202611')}")
    assert second.endswith(ALICE) and os.getpid() > 0
