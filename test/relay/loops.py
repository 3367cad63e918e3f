"""The loops that a relay may forward with, so that each test of one is a test of the others. No tests here."""

from crs.relay import fast
from crs.relay.conversation import ConversationTable

PYTHON, C, TWO = "Python, 1 loop", "C, 1 loop", "C, 2 loops"  # as the relay calls them
SINGLE = [PYTHON] if fast.lib is None else [PYTHON, C]  # test_fast sees to it that C is there where it can be
LOOPS = SINGLE if fast.lib is None else [*SINGLE, TWO]


def new_table(loop: str, limits: dict, expiry: int, relays=()) -> ConversationTable:
    """A table whose packets this loop forwards."""
    return ConversationTable(limits, expiry, relays, [] if loop == PYTHON else [fast.CPath()])


# A relay process in which the C part cannot be imported, as where it was not built; or one that sees so many cores.
START = "import os, sys; {}; from crs.daemon.main import main; sys.exit(main())"
WITHOUT_C = START.format("sys.modules['crs.relay._fast'] = None")
ON_CORES = "os.sched_getaffinity = lambda _: set(range({}))"


def command(loop: str | None) -> list[str]:
    """The arguments to Python that start a daemon with this loop, None: its own choice; the daemon's own follow."""
    if loop is None:
        return ["-m", "crs.daemon.main"]
    return ["-c", WITHOUT_C if loop == PYTHON else START.format(ON_CORES.format(2 if loop == TWO else 1))]
