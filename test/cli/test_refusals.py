"""Broken arguments of every action: one clear line, exit code as documented, and nothing changes."""

import shlex

import pytest

from crs.cli import usage
from crs.cli.actions import ACTIONS
from crs.errors import OperatorFault

NUMBER, PEER_SECRET = "+46701111111", "c2VjcmV0b2Z0aGVwZWVyY3Jz"
LONG = "abcdefghijklmnopqrstu"  # 21 characters

RIGHT = {
    "<account-id>": "acme",
    "<uri>": NUMBER,
    "<name>": "ann",
    "<number>": "123456",
    "<ip>": "192.0.2.7",
    "<shared-secret>": PEER_SECRET,
    "<authorization>": "update",
    "<update-file>": "/nowhere/at/all.upd",
    "<tag>": "id-202611-mfrgg",
}

BROKEN = {
    "<account-id>": {
        "a+b": "account id 'a+b' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'",
        LONG: f"account id '{LONG}' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'",
        "''": "account id '' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'",
    },
    "<uri>": {
        "0701234567": "URI '0701234567' is not valid: a number such as +46701234567 or urn:x-crs:client:<name>",
        "sip:a@b": "URI 'sip:a@b' is not valid: a number such as +46701234567 or urn:x-crs:client:<name>",
    },
    "<name>": {
        LONG: f"admin name '{LONG}' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'",
        "'a b'": "admin name 'a b' is not valid: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'",
    },
    "<number>": {
        "12345": "room '12345' is not valid: 6 digits, such as 123456",
        "1234567": "room '1234567' is not valid: 6 digits, such as 123456",
        "12345a": "room '12345a' is not valid: 6 digits, such as 123456",
    },
    "<ip>": {
        text: f"IP '{text}' is not valid: the address of a host, such as 192.168.1.2 or 2001:db8::1"
        for text in ("192.0.2.256", "192.0.2", "host", "0.0.0.0", "224.0.0.1", "fe80::1%eth0")
    },
    "<shared-secret>": {
        text: "the shared secret is not valid: 1 to 2048 of a-z, A-Z, 0-9; '-' reads it from standard input"
        for text in ("a+b", "'a b'", "''")
    },
    "<authorization>": {
        "updates": "authorization 'updates' is not known; did you mean update?",
        "all": "authorization 'all' is not known; one of: update, statistics",
    },
    "<tag>": {
        "me": "'me' is no tag; crs.log has such as id-202611-… and token-202611-…",
        "id-202613-mfrgg": "'id-202613-mfrgg' is no tag; crs.log has such as id-202611-… and token-202611-…",
    },
    "<update-file>": {},
}
BROKEN_OPTIONS = {
    "--account ID": {"a+b": BROKEN["<account-id>"]["a+b"]},
    "--uri URI": {"0701": "URI '0701' is not valid: a number such as +46701234567 or urn:x-crs:client:<name>"},
    "-c COMMENT": {"'a\nb'": "is not valid: at most 200 printable characters"},
}


def positionals(name: str) -> list[str]:
    return [word for word in ACTIONS[name].arguments.split() if word.startswith("<")]


def line_of(name: str, **instead) -> str:
    return " ".join([name, *(instead.get(argument, RIGHT[argument]) for argument in positionals(name))])


def broken_lines():
    for name in ACTIONS:
        for argument in positionals(name):
            for text, told in BROKEN[argument].items():
                yield line_of(name, **{argument: text}), told
        for head, texts in BROKEN_OPTIONS.items():
            flag = head.split()[0]
            if f"[{head}]" in ACTIONS[name].arguments:
                yield from ((f"{line_of(name)} {flag} {text}", f"{flag} {told}") for text, told in texts.items())


def whole(store) -> dict:
    """Everything that the store holds."""
    return {
        (redis.name, key): redis.call("DUMP", key)
        for redis in (store.high, store.low)
        for key in redis.call("KEYS", "*")
    }


@pytest.mark.parametrize(("line", "told"), list(broken_lines()))
def test_a_broken_argument_is_told_in_one_line_before_anything_is_done(line, told):
    with pytest.raises(usage.UsageFault) as caught:
        usage.parse(shlex.split(line))
    assert str(caught.value) == told


@pytest.mark.parametrize("name", [name for name in ACTIONS if positionals(name)])
def test_a_word_too_few_and_one_too_many(name):
    right = line_of(name)
    for line in (right.rpartition(" ")[0], f"{right} and-more"):
        with pytest.raises(usage.UsageFault, match=f"; usage: crs-cli {name} <") as caught:
            usage.parse(line.split())
        assert "\n" not in str(caught.value) and PEER_SECRET not in str(caught.value)


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
