"""What a CMS hands out fits together: update, credential, crypto update, and the CRS's own view of them."""

import random

import pytest

from crs.cms import issue
from crs.cms.state import CmsFault
from crs.trust import credential, e2e, fields, identity, months, tokens, update
from crs.trust.address import ServerAddress

SECRET = "agreed on the telephone"
NOW = months.start("202611") + 14 * months.DAY
SERVERS = [ServerAddress("127.0.0.1", 5223)]
ALICE, BOB = "+46701234567", "+46701234568"


@pytest.fixture
def dice():
    return random.Random(7).randbytes


@pytest.fixture
def acme(dice):
    cms = issue.new("acme", SECRET, dice)
    for uri in (ALICE, BOB):
        issue.add_client(cms, uri, dice)
    return cms


def delivered(cms, month, now, dice) -> update.Update:
    """The month's update after its way to the CRS."""
    data = update.protect(issue.write_update(cms, month, now, dice), cms.secret)
    return update.unprotect(data, {"acme": SECRET}.get, now)


def test_crs_and_client_come_to_the_same_identity_and_key(acme, dice):
    held = issue.write_credential(acme, ALICE, SERVERS, NOW, dice)
    seen = delivered(acme, "202611", NOW, dice)
    keys = held.months["202611"]
    assert identity.open_uri(seen.month_key, identity.parse_identity(keys.identity)) == ALICE
    assert identity.psk(seen.month_key, keys.identity) == keys.key
    assert tokens.verify(keys.token, seen.domain_token, held.client, NOW).sig == keys.sign.public()


def test_crypto_updates_bring_a_client_from_month_to_month(acme, dice):
    held = issue.write_credential(acme, ALICE, SERVERS, NOW, dice)
    assert list(held.months) == ["202611", "202612"]
    now = NOW
    for month in ("202612", "202701", "202702"):
        now = months.start(month)
        seen = delivered(acme, month, now, dice)
        assert credential.apply_crypto_update(held, seen.clients[ALICE]) == month
    assert credential.current_month(held, now) == "202702"
    assert credential.decode(fields.write(held)) == held


def test_crypto_update_is_for_one_client_alone(acme, dice):
    bob = issue.write_credential(acme, BOB, SERVERS, NOW, dice)
    with pytest.raises(credential.CredentialFault):
        credential.apply_crypto_update(bob, delivered(acme, "202612", NOW, dice).clients[ALICE])


def test_reissue_is_newer_with_the_same_keys(acme, dice):
    first = delivered(acme, "202611", NOW, dice)
    held = issue.write_credential(acme, ALICE, SERVERS, NOW, dice)
    again = delivered(acme, "202611", NOW, dice)
    update.check_replaces(again, first)
    assert again.created == first.created + 1
    before = held.months["202611"]
    credential.apply_crypto_update(held, again.clients[ALICE])
    assert held.months["202611"] == credential.MonthKeys(
        **{name: getattr(before, name) for name in before.__struct_fields__ if name != "created"}, created=again.created
    )


def test_clock_set_back_still_makes_a_newer_reissue(acme, dice):
    first = issue.write_update(acme, "202611", NOW, dice)
    assert issue.write_update(acme, "202611", NOW - 5000, dice).created > first.created


def test_months_and_clients_have_keys_of_their_own(acme, dice):
    held = [issue.write_credential(acme, uri, SERVERS, NOW, dice) for uri in (ALICE, BOB)]
    monthly = [month for holder in held for month in holder.months.values()]
    keys = [key for month in monthly for key in (month.sign.d, month.enc.d, month.key)]
    keys += [holder.update_key for holder in held] + [record.key for record in acme.months.values()]
    assert len(set(keys)) == len(keys) == 16


def test_removed_client_gets_fresh_keys_when_it_comes_back(acme, dice):
    before = issue.write_credential(acme, ALICE, SERVERS, NOW, dice)
    assert issue.remove_client(acme, "+46 70-123 45 67") == ALICE
    assert ALICE not in delivered(acme, "202611", NOW, dice).clients
    issue.add_client(acme, "tel:+46701234567", dice)
    after = issue.write_credential(acme, ALICE, SERVERS, NOW, dice)
    assert after.update_key != before.update_key
    assert after.months["202611"].sign != before.months["202611"].sign


def test_connected_accounts_write_to_each_other(acme, dice):
    beta = issue.new("beta", "another secret", dice)
    issue.add_client(beta, ALICE, dice)
    issue.connect(acme, "beta", tokens.domain_token(beta.domain_key, "beta"))
    issue.connect(beta, "acme", tokens.domain_token(acme.domain_key, "acme"))
    ours = issue.write_credential(acme, ALICE, SERVERS, NOW, dice)
    two = issue.write_credential(beta, ALICE, SERVERS, NOW, dice)
    token = tokens.verify(two.months["202611"].token, credential.domain_token(ours, "beta", NOW), two.client, NOW)
    text = e2e.seal(b"over the border", ours, token, "content", "m1", NOW)
    assert e2e.open_sealed(text, two, ours.client, "content", "m1", NOW)[0] == b"over the border"
    assert delivered(acme, "202611", NOW, dice).domains == ["beta"]
    issue.disconnect(acme, "beta")
    assert delivered(acme, "202611", NOW, dice).domains == []


def test_months_that_ran_out_are_forgotten(acme, dice):
    issue.write_update(acme, "202611", NOW, dice)
    issue.write_update(acme, "202612", months.end("202611") + months.GRACE - 1, dice)
    assert sorted(acme.months) == ["202611", "202612"]
    issue.write_update(acme, "202612", months.end("202611") + months.GRACE, dice)
    assert sorted(acme.months) == ["202612"]


@pytest.mark.parametrize(
    "action, words",
    [
        (lambda cms, dice: issue.new("ac me", "s", dice), "account id"),
        (lambda cms, dice: issue.new("acme", "", dice), "secret is empty"),
        (lambda cms, dice: issue.new("acme", "secret ", dice), "space at an end"),
        (lambda cms, dice: issue.add_client(cms, ALICE, dice), "already"),
        (lambda cms, dice: issue.add_client(cms, "bob", dice), "not valid"),
        (lambda cms, dice: issue.remove_client(cms, "+4670"), "no client"),
        (lambda cms, dice: issue.write_credential(cms, "+4670", SERVERS, NOW, dice), "no client"),
        (lambda cms, dice: issue.connect(cms, "acme", "{}"), "this account"),
        (lambda cms, dice: issue.connect(cms, "be ta", "{}"), "account id"),
        (lambda cms, dice: issue.connect(cms, "beta", "{}"), "domain token of beta is none"),
        (lambda cms, dice: issue.connect(cms, "beta", tokens.domain_token(cms.domain_key, "acme")), "kid"),
        (lambda cms, dice: issue.disconnect(cms, "beta"), "not connected"),
        (lambda cms, dice: issue.write_update(cms, "2026-11", NOW, dice), "yyyymm"),
        (lambda cms, dice: issue.write_update(cms, "202609", NOW, dice), "over"),
    ],
)
def test_mistakes_are_told_and_change_nothing(acme, dice, action, words):
    before = fields.write(acme)
    with pytest.raises(CmsFault) as caught:
        action(acme, dice)
    assert words in str(caught.value) and str(caught.value).isprintable()
    assert fields.write(acme) == before
