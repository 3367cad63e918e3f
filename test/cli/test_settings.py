"""Switches of an account: statistics, crypto update notifications."""

import pytest

from crs.store.operator import STATISTICS, UPDATE_NOTIFICATION


@pytest.mark.parametrize(
    ("words", "setting", "name"),
    [("stats", STATISTICS, "statistics"), ("update-notification", UPDATE_NOTIFICATION, "crypto update notifications")],
)
def test_switches(operator, store, accounts, words, setting, name):
    assert operator(f"{words} disable acme").text == f"{name} were already disabled for account acme"
    assert operator(f"{words} enable acme").text == f"{name} are now enabled for account acme"
    assert store.operator.switched_on(setting) == {"acme"}
    assert operator(f"{words} enable acme").fields == {
        "account": "acme",
        setting.replace("-", "_"): True,
        "changed": False,
    }
    assert operator(f"{words} disable acme").text == f"{name} are now disabled for account acme"
    assert store.operator.switched_on(setting) == set()
