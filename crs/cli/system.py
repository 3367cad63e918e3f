"""Actions about this host as a whole: show system, show version, check slot (manual, chapter 5.4)."""

from .. import __version__, slots
from ..daemon.processes import ATTACH
from ..errors import OperatorFault
from ..home.running import Running
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable


def processes(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show system``: the processes that the supervisor started; works while Redis is down."""
    if not host.running:
        raise OperatorFault(host.remedy)
    rows = [
        (host.conf.name, process.process, process.pid, _slots(process, host.conf.attach_workers))
        for process in host.running
    ]
    return ResultTable(("SERVER", "PROCESS", "PID", "SLOTS"), rows)


def version(host: LocalHost, arguments: Arguments) -> Line:
    """``show version``."""
    return Line(__version__, {"version": __version__})


def slot(host: LocalHost, arguments: Arguments) -> Line:
    """``check slot``."""
    number = slots.slot(arguments["<uri>"])
    return Line(str(number), {"uri": arguments["<uri>"], "slot": number})


def _slots(process: Running, workers: int) -> str | None:
    if process.process != ATTACH.name or process.number is None:
        return None
    own = slots.slots(process.number, workers)
    return f"{own.start}-{own.stop - 1}" if own else None
