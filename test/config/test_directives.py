"""The table of directives: every row is explained, and each name stands for one thing."""

import pytest

from crs.config import directives
from crs.config.settings import Config


@pytest.mark.parametrize("row", directives.DIRECTIVES, ids=lambda row: row.name)
def test_every_directive_is_explained(row):
    assert row.obsolete or row.help.endswith(".") and (row.sample or row.default is not None)


def test_each_directive_has_a_name_and_a_file_of_its_own():
    rows = [row for file in directives.FILES for row in directives.of_file(file).values()]
    assert len(rows) == len({row.name for row in rows}) == len(directives.DIRECTIVES)


def test_each_directive_is_an_attribute_with_a_type():
    own = {"home", "settings", "notes", "name", "hosts", "relay_limits"}
    assert set(Config.__annotations__) - own == {row.attribute for row in directives.DIRECTIVES}


@pytest.mark.parametrize("row", directives.DIRECTIVES, ids=lambda row: row.name)
def test_every_default_is_a_value_of_its_directive(row):
    value = row.default_value()
    if row.repeats:
        assert value == ()
    elif row.section != directives.RELAY:  # there nothing behind the = means no limit
        assert (value is None) == (row.default is None)
