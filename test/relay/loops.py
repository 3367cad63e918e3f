"""The two loops that a relay may forward with, so that each test of one is a test of the other. No tests here."""

from functools import partial

from crs.relay import fast
from crs.relay.conversation import Table

LOOPS = ["Python"] if fast.lib is None else ["Python", "C"]     # test_fast sees to it that C is there where it can be


def new_table(loop: str):
    """What makes a table of this loop: takes limits, expiry, relays."""
    return Table if loop == "Python" else partial(fast.new_table, fast.new_c_table())


# A relay process in which the C part cannot be imported, as where it was not built.
WITHOUT_C = "import sys; sys.modules['crs.relay._fast'] = None; from crs.main import main; sys.exit(main())"


def command(loop: str) -> list[str]:
    """The arguments to Python that start a daemon with this loop; its own follow."""
    return ["-m", "crs.main"] if loop == "C" else ["-c", WITHOUT_C]
