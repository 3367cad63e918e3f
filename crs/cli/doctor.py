"""Actions that look after this host: check, show services (manual, chapter 5.4, show).

What ``check`` looks for is in ``crs.daemon.doctor``.
"""

from ..daemon import processes, redis_server
from ..errors import CrsError
from .actions import Arguments
from .host import LocalHost
from .output import ResultTable, Verdict

REDIS = (*(row.name for row in processes.SERVERS), "redis_backup")  # the last: none is started in this release


def check(host: LocalHost, arguments: Arguments) -> Verdict:
    """``check``: the configuration and the machine; exit code 1 where there is a fault."""
    from ..daemon import doctor as doctor

    found = doctor.findings(host.home)
    return Verdict(
        ResultTable(("STATUS", "FINDING"), found),
        int(any(kind == doctor.FAULT for kind, _ in found)),
        arguments["--json"],
    )


def services(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show services``: each is asked; one that stands still is not active."""
    serves = any(process.process == processes.ATTACH.name for process in host.running)
    active = {"crs": serves, processes.MODULES["relay"].name: _relay_answers(host)}
    active |= {name: redis_server.answers(host.home.redis_sock(name)) for name in REDIS}
    return ResultTable(
        ("Server", "Service", "Status"),
        [(host.conf.name, name, "active" if works else "inactive") for name, works in active.items()],
    )


def _relay_answers(host: LocalHost) -> bool:
    try:
        host.relay.stats()
    except (CrsError, OSError):
        return False
    return True
