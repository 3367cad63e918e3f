"""Names that nobody has, in every action: one clear line with the remedy, and nothing changes."""

import pytest

from crs.cli.actions import ACTIONS
from crs.errors import OperatorFault
from test.cli.lines import NUMBER, line_of, positionals


def whole(store) -> dict:
    """Everything that the store holds."""
    return {
        (redis.name, key): redis.call("DUMP", key)
        for redis in (store.high, store.low)
        for key in redis.call("KEYS", "*")
    }


UNKNOWN_ACCOUNT = "there is no account nobody; crs-cli list account shows which there are"
WITH_ACCOUNT = [name for name in ACTIONS if "<account-id>" in positionals(name)]
NO_ACCESS = "admin ann has no access to account nobody; crs-cli add admin-account ann nobody gives it"
ASK_SOMETHING_ELSE = {  # what these must have first says more than the account
    "create account": None,
    "delete admin-account": NO_ACCESS,
    "add admin-account-authorization": NO_ACCESS,
    "delete admin-account-authorization": NO_ACCESS,
    "delete conference-room": f"{NUMBER} of account nobody has no room 123456; "
    "crs-cli list conference-room shows which there are",
}


@pytest.mark.parametrize("name", [name for name in WITH_ACCOUNT if ASK_SOMETHING_ELSE.get(name, "") is not None])
def test_an_account_that_is_not_there(operator, store, accounts, name):
    operator("create admin ann")
    before = whole(store)
    with pytest.raises(OperatorFault) as caught:
        operator(line_of(name, **{"<account-id>": "nobody"}))
    assert str(caught.value) == ASK_SOMETHING_ELSE.get(name, UNKNOWN_ACCOUNT)
    assert whole(store) == before


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "blacklist add acme +46709999999",
            "acme has no client +46709999999; it was not blacklisted: there is no terminal to ask on; add --yes",
        ),
        (
            "blacklist remove acme +46709999999",
            "+46709999999 of acme is not blacklisted; crs-cli show blacklist acme shows who is",
        ),
        (
            "purge client acme +46709999999",
            "+46709999999 of account acme is not attached; crs-cli show attach shows who is",
        ),
        ("lookup client acme +46709999999", "no client +46709999999 in domain acme: neither listed nor seen"),
        ("show push-token acme +46709999999", "acme has no client +46709999999: neither listed nor seen"),
        ("wakeup client acme +46709999999", "acme has no client +46709999999: neither listed nor seen"),
        (
            "delete client-info acme +46709999999",
            "+46709999999 of account acme has told nothing about itself; crs-cli show client-info acme shows who has",
        ),
        (
            "create conference-room 123456 acme +46709999999",
            "acme has no client +46709999999; the room was not created: there is no terminal to ask on; add --yes",
        ),
        (
            "delete conference-room 123456 acme +46709999999",
            "+46709999999 of account acme has no room 123456; crs-cli list conference-room shows which there are",
        ),
        (
            "lookup conference-room 123456 acme",
            "no room 123456 in domain acme; crs-cli list conference-room shows which there are",
        ),
        ("delete iw-crs 192.0.2.9", "there is no iw-crs 192.0.2.9; crs-cli list iw-crs shows which there are"),
        ("show admin bob", "there is no admin bob; crs-cli show admins shows which there are"),
        ("show admin-accounts bob", "there is no admin bob; crs-cli show admins shows which there are"),
        ("delete admin bob", "there is no admin bob; crs-cli show admins shows which there are"),
        ("add admin-account bob acme", "there is no admin bob; crs-cli show admins shows which there are"),
        (
            "delete admin-account-authorization bob acme update",
            "there is no admin bob; crs-cli show admins shows which there are",
        ),
        ("apply /nowhere/at/all.upd", "cannot read /nowhere/at/all.upd: No such file or directory"),
    ],
)
def test_a_name_that_nobody_has(operator, store, accounts, line, told):
    before = whole(store)
    with pytest.raises(OperatorFault) as caught:
        operator(line)
    assert str(caught.value) == told and whole(store) == before


def test_an_action_that_only_looks_changes_nothing(operator, store, accounts):
    before = whole(store)
    for name in ACTIONS:
        looks = name.split()[0] in ("show", "list") and name not in ("show relay", "show relays", "show system")
        if looks and not {"<name>", "<uri>"} & set(positionals(name)):
            operator(line_of(name))
    assert whole(store) == before
