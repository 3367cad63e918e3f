"""Broken arguments of every action: one clear line, before anything is done."""

import shlex

import pytest

from crs.cli import usage
from crs.cli.actions import ACTIONS
from test.cli.lines import PEER_SECRET, line_of, positionals

LONG = "abcdefghijklmnopqrstu"  # 21 characters


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


def broken_lines():
    for name in ACTIONS:
        for argument in positionals(name):
            for text, told in BROKEN[argument].items():
                yield line_of(name, **{argument: text}), told
        for head, texts in BROKEN_OPTIONS.items():
            flag = head.split()[0]
            if f"[{head}]" in ACTIONS[name].arguments:
                yield from ((f"{line_of(name)} {flag} {text}", f"{flag} {told}") for text, told in texts.items())


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
