"""Every process of a host, a row each: what it is, how many there are, what it waits for and when it leaves.

The supervisor starts and ends them by this table; whoever shows or looks for a process has its name from here. A new
process is a row, and a file in ``crs/modules`` unless it is a Redis server. crs-cli reads this at every command, so
nothing that takes time is imported here.
"""

from collections.abc import Callable
from typing import NamedTuple

from crs import names


class Stage(NamedTuple):
    """When a process leaves. Stages follow each other by ``order``; each has ``seconds`` before it is killed."""

    order: int
    seconds: float


SERVING = Stage(1, 10.0)  # first: clients are asked to attach elsewhere
FORWARDING = Stage(2, 5.0)
STORING = Stage(3, 30.0)  # last: the others store until they end


class ProcessKind(NamedTuple):
    """One row. Directives are those of ``crs.config.directives``."""

    name: str  # as crs-cli show system and (of several: with the index) notify.sh have it
    log: str  # the file below the home's log/ to look into
    leaves: Stage
    module: str = ""  # of crs/modules; "": a Redis server
    fsync: str = ""  # appendfsync of a Redis server: when it writes through to the disk
    number: str = ""  # the directive that says how many there are; "": one
    port: str = ""  # the directive with the TCP port that each has a listening socket at
    needs: tuple[str, ...] = ()  # the processes that are ready before it is started
    standalone: bool = False  # started by crsd --standalone only; else a service of its own
    rereads: bool = False  # a SIGHUP has it read the accounts again

    def indexes(self, value: Callable[[str], int]) -> list[int | None]:
        """The index of each of these processes; None where there is but one. ``value`` gives a directive's."""
        return list(range(value(self.number))) if self.number else [None]

    def child(self, index: int | None) -> str:
        """The name of one of these processes for an operator: ``app:attach:0``."""
        return names.numbered(self.name, index)

    def worker(self, index: int | None) -> str:
        """What one of these processes calls itself in the store and to the relay: ``attach:0``."""
        return names.numbered(self.module or self.name, index)


PROCESSES = (
    ProcessKind("redis_high", "redis_high.log", STORING, fsync="no"),  # its data survives a crash of the server
    ProcessKind("redis_low", "redis_low.log", STORING, fsync="always"),  # its data survives a crash of the machine
    ProcessKind("crs_relay", "crs_relay.log", FORWARDING, module="relay", standalone=True),
    ProcessKind(
        "app:attach",
        "crs.log",
        SERVING,
        module="attach",
        number="attach-workers",
        port="listen-port",
        needs=("redis_high", "redis_low"),
        rereads=True,
    ),
)

SERVERS = tuple(row for row in PROCESSES if not row.module)
MODULES = {row.module: row for row in PROCESSES if row.module}
ATTACH = MODULES["attach"]

# The names of each stage's processes and its seconds, in the order in which they leave.
LEAVING = tuple(
    (tuple(row.name for row in PROCESSES if row.leaves == stage), stage.seconds)
    for stage in sorted({row.leaves for row in PROCESSES})
)


def of_worker(worker: str) -> ProcessKind:
    """The row of a process by what it calls itself (see ``ProcessKind.worker``)."""
    return MODULES[worker.partition(":")[0]]
