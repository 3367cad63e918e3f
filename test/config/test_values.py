"""Words of a line, and the parsers of single values. What directives make of them: the cases of ``test_settings``."""

import ipaddress

import pytest

from crs.config import values
from crs.config.values import Choice, Number, Word, Wrong
from crs.names import Client


def test_words_and_their_columns():
    assert values.words('  key "two words" x#y # a comment') == [Word("key", 3), Word("two words", 8), Word("x#y", 19)]
    assert values.words("# nothing") == values.words(" \t") == []


@pytest.mark.parametrize("line, column", [('key "open', 5), ('a "b"c', 3), ("bell\a", 1)])
def test_a_line_that_cannot_be_cut(line, column):
    with pytest.raises(Wrong) as caught:
        values.words(line)
    assert caught.value.word.column == column and caught.value.remedy


def test_bounds_are_included():
    number = Number(5, 7, "s")
    assert [number([Word(text, 1)]) for text in ("5", "7")] == [5, 7]
    for text in ("4", "8", "-5", "5.0", "٥"):
        with pytest.raises(Wrong) as caught:
            number([Word(text, 1)])
        assert caught.value.remedy == "write a number, 5 to 7 s"


def test_a_choice_maps_what_is_written():
    choice = Choice(yes=True, not_yet=False)
    assert [choice([Word(text, 1)]) for text in ("yes", "not-yet")] == [True, False]
    with pytest.raises(Wrong) as caught:
        choice([Word("no", 1)])
    assert caught.value.remedy == "write yes or not-yet"


def test_whom_a_rule_is_for():
    parse = values.detach_cleanup
    assert parse(values.words("10.0.0.0/8 5")) == (ipaddress.ip_network("10.0.0.0/8"), 5)
    assert parse(values.words("tel:+46-701-234567@acme 5")) == (Client("+46701234567", "acme"), 5)
    for text in ("10.0.0.0 5", "10.0.0.1/8 5", "+46701234567 5"):
        with pytest.raises(Wrong):
            parse(values.words(text))
