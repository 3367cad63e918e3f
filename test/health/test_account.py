"""What a health check says of an account's updates, day by day."""

import pytest

from crs.health.account import SOON, AccountCheck
from crs.names import Client
from crs.trust import months

THIS, NEXT = "202611", "202612"
END = months.end(THIS)
DAY = months.DAY


class UpdatesOfAcme:
    """A store that lists the updates of some months, and has none of them any more."""

    def __init__(self, *listed: str):
        self.accounts = self
        self._listed = listed

    def created(self) -> dict[tuple[str, str], int]:
        return {("acme", month): months.start(month) - 5 * DAY for month in self._listed} | {("beta", NEXT): 0}

    def update(self, account: str, month: str) -> None:
        return None


def results(now: int, *held: str) -> list[str]:
    """Of this month's and of the next month's update."""
    check = AccountCheck(UpdatesOfAcme(*held), "acme", [("127.0.0.1", 5223)], lambda: now)
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


def test_an_update_deleted_since_it_was_listed_gives_no_key():
    check = AccountCheck(UpdatesOfAcme(THIS), "acme", [("127.0.0.1", 5223)], lambda: END - SOON)
    assert check._credentials(Client("+46701111111", "acme")) == []
