"""Actions about this host as a whole: show system, show version, check slot (manual, chapter 5.4).

Never here: starting or stopping anything.
"""

from .. import __version__, slots
from ..errors import OperatorFault
from .output import Line, Table


def processes(host, arguments) -> Table:
    """``show system``: the processes that the supervisor started; works while Redis is down."""
    if not host.running:
        raise OperatorFault(host.remedy)
    rows = [
        (host.conf.name, entry["process"], entry["pid"], _slots(entry, host.conf.attach_workers))
        for entry in host.running
    ]
    return Table(("SERVER", "PROCESS", "PID", "SLOTS"), rows)


def version(host, arguments) -> Line:
    """``show version``."""
    return Line(__version__, {"version": __version__})


def slot(host, arguments) -> Line:
    """``check slot``."""
    number = slots.slot(arguments["<uri>"])
    return Line(str(number), {"uri": arguments["<uri>"], "slot": number})


def _slots(entry: dict, workers: int) -> str | None:
    if entry["process"] != "app:attach":
        return None
    own = slots.slots(entry["index"], workers)
    return f"{own.start}-{own.stop - 1}" if own else None
