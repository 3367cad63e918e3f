"""Calendar months, the unit in which keys live: ``yyyymm``, UTC. Pure functions; the time is an argument.

All times are milliseconds since 1970-01-01 UTC.
"""

from datetime import UTC, datetime

DAY = 86_400_000
GRACE = 7 * DAY  # how long a month's keys are honoured after its end, unless the operator says otherwise


def of(now: int) -> str:
    """The month that ``now`` falls in."""
    return f"{datetime.fromtimestamp(now / 1000, UTC):%Y%m}"


def start(month: str) -> int:
    """The first millisecond of ``month``."""
    return int(datetime(int(month[:4]), int(month[4:]), 1, tzinfo=UTC).timestamp()) * 1000


def end(month: str) -> int:
    """The first millisecond after ``month``."""
    return start(after(month))


def after(month: str) -> str:
    """The month that follows ``month``."""
    year, number = int(month[:4]), int(month[4:])
    return f"{year + 1}01" if number == 12 else f"{year}{number + 1:02}"


def before(month: str) -> str:
    """The month that precedes ``month``."""
    return of(start(month) - 1)


def expired(month: str, now: int, grace: int = GRACE) -> bool:
    """Whether the keys of ``month`` have run out: its end lies ``grace`` milliseconds or more in the past."""
    return now >= end(month) + grace


def usable(month: str, now: int, grace: int = GRACE) -> bool:
    """Whether the keys of ``month`` are honoured now: the previous month (in its grace), the current or the next."""
    return month <= after(of(now)) and not expired(month, now, grace)
