"""What a health check says of an account's updates, day by day."""

import pytest

from crs.health.account import SOON, AccountCheck
from crs.health.report import HealthDoubt, HealthFault, HealthReport
from crs.trust import months

THIS, NEXT = "202611", "202612"
END = months.end(THIS)
DAY = months.DAY


class Accounts:
    """The updates that an account has."""

    def __init__(self, *held: str):
        self._held = held

    def created(self) -> dict:
        return {("acme", month): months.start(month) - 5 * DAY for month in self._held} | {("beta", NEXT): 0}


class Store:
    def __init__(self, *held: str):
        self.accounts = Accounts(*held)


def results(now: int, *held: str) -> list[str]:
    """Of this month's and of the next month's update."""
    check = AccountCheck(Store(*held), "acme", [("127.0.0.1", 5223)], lambda: now)
    check.report.try_("this", check._this_month)
    check.report.try_("next", check._next_month)
    return [test.result for test in check.report.tests]


@pytest.mark.parametrize(
    ("now", "held", "expected"),
    [
        (END - SOON, [THIS], ["ok", "ok"]),
        (END - SOON + 1, [THIS], ["ok", "warning"]),
        (END - 1, [THIS, NEXT], ["ok", "ok"]),
        (END, [THIS], ["warning", "ok"]),
        (END + months.GRACE, [THIS], ["error", "ok"]),
        (END - SOON, [], ["error", "ok"]),
    ],
)
def test_updates(now, held, expected):
    assert results(now, *held) == expected


def test_the_worst_result_counts_and_a_chain_ends_where_it_breaks():
    report = HealthReport()
    assert report.result == "ok"

    def fail():
        raise HealthFault("broken")

    def doubt():
        raise HealthDoubt("odd")

    assert report.chain({"a": lambda: "fine", "b": doubt}) and report.result == "warning"
    assert not report.chain({"c": fail, "d": lambda: "never"}) and report.result == "error"
    assert [tuple(test) for test in report.tests] == [
        ("a", "ok", "fine"),
        ("b", "warning", "odd"),
        ("c", "error", "broken"),
        ("d", "error", "not tried, as c failed"),
    ]
