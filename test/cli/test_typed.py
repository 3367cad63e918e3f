"""Command lines that are wrong or not finished: words, flags, the flag that waits for its value."""

import pytest

from crs.cli import typed


@pytest.mark.parametrize(
    ("line", "words", "flags", "waiting"),
    [
        ("show attach --json", ["show", "attach"], ["--json"], None),
        ("--account acme trace session", ["trace", "session"], ["--account"], None),
        ("create account -s - acme", ["create", "account", "acme"], ["-s"], None),
        ("create account acme -s -h", ["create", "account", "acme"], ["-s"], None),
        ("add iw-crs 192.0.2.7 -", ["add", "iw-crs", "192.0.2.7", "-"], [], None),
        ("create sharedSecret -b129", ["create", "sharedSecret"], ["-b"], None),
        ("create sharedSecret -b", ["create", "sharedSecret"], ["-b"], "-b"),
        ("show --nonsense=x attach", ["show", "attach"], ["--nonsense"], None),
    ],
)
def test_words_and_flags(line, words, flags, waiting):
    assert typed.read(line.split())[:3] == (words, flags, waiting)


@pytest.mark.parametrize("line", ["--home /x show", "show --home=/x", "show --home / --home /x"])
def test_the_home_that_is_named(line):
    assert typed.read(line.split()).home == "/x"


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("check slot", "check slot"),
        ("check --json", "check"),
        ("show attach now", "show attach"),
        ("show", None),
        ("", None),
    ],
)
def test_the_action_that_the_words_begin_with(line, action):
    assert typed.read(line.split()).action == action
