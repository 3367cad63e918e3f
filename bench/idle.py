"""What does an idle attached client cost? KiB over all processes of the server (PSS), at growing numbers of clients.

Beside ejabberd, Prosody (generational collector) and mosquitto (TLS-PSK). Also: how much memory ``crs-cli show
attach`` takes to list them all, and that it lists every one.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import common
from .load.process import LoadProcess
from .peers import Ejabberd, Mosquitto, Prosody
from .report import BenchReport
from .systems import CrsSystem, Missing, System, chosen_kinds

SIZES = 1_000, 5_000, 10_000, 20_000
QUICK = 100, 200, 400, 800
A_LOAD = 10_000  # connections that one load process holds
IN_FLIGHT = 64
SETTLE = 3.0  # seconds after the last attach
AIM = 30  # KiB a client
LISTED = (
    "import resource, subprocess, sys\n"
    "done = subprocess.run(sys.argv[1:], stdout=open('list', 'w'))\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    "sys.exit(done.returncode)\n"
)


def measure(system: System, sizes: Sequence[int], report: BenchReport, run: int) -> list[tuple[float, float]]:
    """One round of one system: the points (clients, KiB)."""
    time.sleep(SETTLE)
    points = [(0.0, float(system.pss()))]
    loads = [LoadProcess(system.protocol, common.LOAD_CORES) for _ in range(-(-sizes[-1] // A_LOAD))]
    try:
        attached = 0
        for size in sizes:
            took = time.monotonic()
            while attached < size:
                some = min(A_LOAD - attached % A_LOAD, size - attached)
                loads[attached // A_LOAD].do(
                    "attach", [system.who(n) for n in range(attached, attached + some)], IN_FLIGHT, 180.0
                )
                attached += some
            took = time.monotonic() - took
            time.sleep(SETTLE)
            held = sum(load.do("registered")["registered"] for load in loads)
            if held != size:
                report.fault(f"{system.name}: {held} of {size} are attached")
            memory = float(system.pss())
            cost = (memory - points[0][1]) / size
            points.append((float(size), memory))
            report.row(system.name, run, size, memory / 1024, cost, took, listing(system, size, report))
    finally:
        for load in loads:
            load.stop()
    return points


def listing(system: System, size: int, report: BenchReport) -> float | None:
    """MiB that ``crs-cli show attach`` takes at most; every client must be in its list."""
    if not isinstance(system, CrsSystem):
        return None
    told = subprocess.run(
        [
            *common.pinned(common.LOAD_CORES),
            sys.executable,
            "-c",
            LISTED,
            sys.executable,
            str(common.ROOT / "bin" / "crs-cli"),
            "show",
            "attach",
        ],
        cwd=system.directory,
        capture_output=True,
        text=True,
        env=system.host.environment(),
    )
    rows = sum(uri in line for uri, line in _lines(system.directory / "list"))
    if told.returncode or rows != size:
        report.fault(f"crs-cli show attach lists {rows} of {size}: {told.stderr.strip()}")
        return None
    return int(told.stdout) / 1024


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    with open(path) as lines:
        for line in lines:
            yield "+4670", line


def main() -> int:
    chosen = common.options(__doc__, rounds=1)
    files = common.raise_file_limit()
    report = BenchReport(
        "idle",
        "Idle clients",
        ("system", "round", "clients", "MiB in all", "KiB a client", "attached in s", "list MiB"),
        keep=not chosen.partial,
    )
    if files < SIZES[-1] + common.SPARE_FILES:
        report.note(
            f"A process may open {files} files here, so servers of one process hold "
            f"{files - common.SPARE_FILES} clients at most, and that is what all are asked to."
        )
    sizes = [min(size, files - common.SPARE_FILES) for size in (QUICK if chosen.quick else SIZES)]
    kinds = chosen_kinds(chosen, (CrsSystem, Ejabberd, Prosody, Mosquitto))
    points: dict[str, list[list[tuple[float, float]]]] = {}
    for run in range(1, chosen.rounds + 1):
        for kind in kinds:
            system = kind(common.SERVER_CORES)
            try:
                system.start(sizes[-1])
                if run == 1:
                    report.about(system)
                points.setdefault(kind.name, []).append(measure(system, sizes, report, run))
            except Missing as missing:
                report.missing(f"idle-{kind.name}", str(missing))
            except Exception as error:
                report.fault(f"{kind.name}: {type(error).__name__}: {error}")
            finally:
                system.stop()
    conclude(report, points)
    return report.end()


def conclude(report: BenchReport, points: dict[str, list[list[tuple[float, float]]]]) -> None:
    slopes = {name: common.median([common.slope(run[1:]) for run in runs]) for name, runs in points.items()}
    for name, value in slopes.items():
        report.note(f"{name}: {value:.1f} KiB for each further client (slope over {len(points[name])} round(s))")
    ours = slopes.get("crs")
    if ours is None:
        return
    for name in slopes:
        if name != "crs":
            report.ratio(f"idle-{name}", ours / slopes[name])
    report.ratio("idle-aim", ours / AIM)
    for run in points["crs"][:1]:
        first, last = ((run[at][1] - run[0][1]) / run[at][0] for at in (1, -1))
        report.ratio("idle-growth", last / first)
    lists = [row[-1] for row in report.rows if row[:2] == ["crs", 1] and row[-1] is not None]
    if lists:
        report.ratio("idle-list-growth", lists[-1] / lists[0])
    report.plot(
        "Idle clients: memory of all server processes",
        "attached clients",
        "MiB",
        {name: [(x, y / 1024) for x, y in runs[0]] for name, runs in points.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
