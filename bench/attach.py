"""How many clients a second can attach, from TCP connect to registered? And do attached clients notice?

Beside the logins of ejabberd and Prosody (TLS, PLAIN, bind, presence), and the limit: a bare pyOpenSSL loop of PSK
handshakes. The CRS with one worker on one core, and with a worker for each core (the load then shares these cores).
During a storm on the CRS, attached clients send a hundred small requests a second: their p99, and the longest stall of
the loop as the worker measures it.
"""

import sys
import time
from collections.abc import Sequence

from . import common
from .limit import Limit
from .load.process import LoadProcess
from .peers import Ejabberd, Prosody
from .report import BenchReport
from .systems import ANNOUNCED, CrsSystem, Missing, System, chosen_kinds

SIZES = 500, 1_000, 2_000, 4_000  # clients of one storm, after which all leave
QUICK = 50, 100, 200, 400
IN_FLIGHT = 64
ASKERS, ASK_EACH = 50, 0.5  # so many clients, each once in so many seconds: a hundred requests a second
LEAST, AIM = 1_000, 0.8  # the budget in clients/s; the aim as a share of the bare handshake loop
STALL = 50.0  # ms: the budget

Storms = dict[int, tuple[float, float]]  # size -> (clients/s, CPU us a client)


class CrsAllCores(CrsSystem):
    name = "crs-all-cores"

    def __init__(self, cores: Sequence[int]):  # it takes all cores, not these
        super().__init__(common.CORES)
        self.workers = len(common.CORES)


def storm(system: System, load: LoadProcess, sizes: Sequence[int], report: BenchReport, run: int) -> Storms:
    """One round of one system, a storm of each size."""
    found = {}
    for size in sizes:
        if isinstance(system, CrsSystem):
            load.do("asked")
            system.stall()
        cpu = system.cpu()
        done = load.do(
            "attach",
            [system.who(number) for number in range(size)],
            IN_FLIGHT,
            120.0,
            "handshake" if isinstance(system, Limit) else "idle",
        )
        cpu = (system.cpu() - cpu) / size * 1e6
        times, rate = done["times"], size / done["seconds"]
        asked, stall = _felt(system, load)
        report.row(
            system.name,
            run,
            size,
            rate,
            1000 * common.percentile(times, 0.5),
            1000 * common.percentile(times, 0.99),
            cpu,
            done["load busy"],
            asked,
            stall,
        )
        found[size] = rate, cpu
        load.do("leave_but_askers")
        time.sleep(1.0)  # the server closes them
        if isinstance(system, CrsSystem) and size == sizes[-1]:
            asked, stall = _felt(system, load)
            report.row(f"{system.name}, all leave", run, size, None, None, None, None, None, asked, stall)
    return found


def _felt(system: System, load: LoadProcess) -> tuple[float | None, float | None]:
    """What the attached clients notice: p99 of their requests in ms, and the longest stall in ms."""
    if not isinstance(system, CrsSystem):
        return None, None
    asked = load.do("asked")["times"]
    time.sleep(ANNOUNCED)
    return 1000 * common.percentile(asked, 0.99), system.stall()


def main() -> int:
    chosen = common.options(__doc__, rounds=2)
    common.raise_file_limit()
    sizes = QUICK if chosen.quick else SIZES
    report = BenchReport(
        "attach",
        "Attach storm",
        (
            "system",
            "round",
            "clients",
            "clients/s",
            "p50 ms",
            "p99 ms",
            "CPU us a client",
            "load busy",
            "others' p99 ms",
            "stall ms",
        ),
        keep=not chosen.partial,
    )
    systems: dict[str, System] = {}
    loads: dict[str, LoadProcess] = {}
    found: dict[str, list[Storms]] = {}
    kinds = chosen_kinds(chosen, (CrsSystem, CrsAllCores, Ejabberd, Prosody, Limit))
    try:
        for kind in kinds:
            system = systems[kind.name] = kind(common.SERVER_CORES)
            try:
                system.start(sizes[-1] + ASKERS)
            except Missing as missing:
                report.missing(f"attach-{kind.name}", str(missing))
                continue
            report.about(system)
            load = loads[kind.name] = LoadProcess(system.protocol, common.LOAD_CORES)
            if isinstance(system, CrsSystem):
                load.do("ask_regularly", [system.who(sizes[-1] + number) for number in range(ASKERS)], ASK_EACH)
                time.sleep(ANNOUNCED)
        for run in range(1, chosen.rounds + 1):
            for name in loads:
                found.setdefault(name, []).append(storm(systems[name], loads[name], sizes, report, run))
    except Exception as error:
        report.fault(f"{type(error).__name__}: {error}")
    finally:
        for load in loads.values():
            load.stop()
        for system in systems.values():
            system.stop()
    conclude(report, found, sizes)
    return report.end()


def conclude(report: BenchReport, found: dict[str, list[Storms]], sizes: Sequence[int]) -> None:
    rates = {}
    for name, runs in found.items():
        each = [run[sizes[-1]][0] for run in runs if sizes[-1] in run]
        if each:
            rates[name] = common.median(each)
            report.note(
                f"{name}: {rates[name]:,.0f} clients/s in storms of {sizes[-1]}, "
                f"+-{100 * common.spread(each):.0f} % over {len(each)} round(s)"
            )
    if "crs" not in rates:
        return
    for name in rates:
        if name not in ("crs", "crs-all-cores"):
            report.ratio(f"attach-{name}", rates["crs"] / rates[name])
    if "crs-all-cores" in rates:
        report.ratio("attach-all-cores", rates["crs-all-cores"] / rates["crs"])
    report.ratio("attach-budget", rates["crs"] / LEAST)
    if "handshakes" in rates:
        report.ratio("attach-aim", rates["crs"] / rates["handshakes"] / AIM)
    for size in sizes:
        report.note(f"crs, {size} clients: {common.median([run[size][1] for run in found['crs']]):,.0f} us of CPU each")
    cost = [common.median([run[size][1] for run in found["crs"]]) for size in (sizes[0], sizes[-1])]
    report.ratio("attach-growth", cost[1] / cost[0])
    for name in "crs", "crs-all-cores":
        stalls = [row[-1] for row in report.rows if row[0].split(",")[0] == name]
        if stalls:
            report.ratio(f"attach-{name}-stall", max(stalls) / STALL)
    report.plot(
        "Attach storm",
        "clients in one storm",
        "clients/s",
        {
            name: [(size, common.median([run[size][0] for run in runs])) for size in runs[0]]
            for name, runs in found.items()
        },
    )


if __name__ == "__main__":
    sys.exit(main())
