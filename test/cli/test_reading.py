"""Readers of arguments and options: at their bounds, and what they say of a slip. test_arguments has those of names."""

import pytest

from crs.cli import reading


def test_a_number_within_its_bounds():
    read = reading.number(1, 8192)
    assert (read("1"), read("8192")) == (1, 8192)
    for text in ("0", "8193", "-1", "1.5", "", "²", "1" * 50):
        with pytest.raises(ValueError, match="is not valid: a whole number from 1 to 8192") as caught:
            read(text)
        assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("summry", "did you mean summary?"),
        ("JSON", "did you mean json?"),
        ("x", "one of: summary, json"),
    ],
)
def test_the_nearest_word(word, told):
    assert reading.nearest(word, ["summary", "json"]) == told


def test_a_comment_is_one_printable_line():
    assert reading.comment("x" * reading.MAX_COMMENT) == "x" * reading.MAX_COMMENT
    for text in ("x" * (reading.MAX_COMMENT + 1), "a\tb"):
        with pytest.raises(ValueError, match="at most 200 printable characters"):
            reading.comment(text)


@pytest.mark.parametrize(("text", "usual"), [("2001:DB8:0::7", "2001:db8::7"), ("192.0.2.7", "192.0.2.7")])
def test_an_address_in_its_usual_form(text, usual):
    assert reading.address(text) == usual
