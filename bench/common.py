"""What all benchmarks share: cores, file limits, memory and CPU time of processes, medians.

The servers run on SERVER_CORES, the load on LOAD_CORES; with two cores that is one each, so every figure is "one core
for the whole host". CPU time is measured as well: where the load is the limit, the server's cost per unit still counts.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = CORES[:1]
LOAD_CORES = CORES[1:] or CORES
_TICK = os.sysconf("SC_CLK_TCK")
SPARE_FILES = 300  # descriptors that a server or a load process needs beside its connections


def options(what: str | None, rounds: int = 2) -> argparse.Namespace:
    """The command line of one benchmark: --quick, --rounds, --only, --beside."""
    parser = argparse.ArgumentParser(description=(what or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and short: to see that it works, not to measure")
    parser.add_argument("--rounds", type=int, help="how often each side has its turn")
    parser.add_argument("--only", help="names of the systems to run, with commas")
    parser.add_argument(
        "--beside", type=Path, metavar="DIR", help="another checkout of the CRS, as one more side: crs-beside"
    )
    chosen = parser.parse_args()
    chosen.partial = bool(chosen.quick or chosen.only or chosen.beside)  # its results are not kept
    chosen.rounds = chosen.rounds or (1 if chosen.quick else rounds)
    return chosen


def raise_file_limit() -> int:
    """Allow as many open files as this user may; returns the number."""
    wanted = 100_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (OSError, ValueError):  # only with CAP_SYS_RESOURCE
            wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    return wanted


def pinned(cores: Sequence[int]) -> tuple[str, ...]:
    """The beginning of a command line that runs on these cores only."""
    return "taskset", "-c", ",".join(map(str, cores))


# --- processes -------------------------------------------------------------------------------------------------------


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(name))
    found = [pid]
    for process in found:
        found += parents.get(process, [])
    return found


def pss(pids: Iterable[int]) -> int:
    """KiB of memory that processes use, shared pages counted by share."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that processes have used."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


# --- figures ---------------------------------------------------------------------------------------------------------


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")


def spread(values: Sequence[float]) -> float:
    """Half of the range, as a share of the median."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if values and middle else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The quantile ``share`` (0 to 1) of ``values``; nan if there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: the growth of ``y`` for each ``x``."""
    xs, ys = zip(*points, strict=True)
    return statistics.linear_regression(xs, ys).slope


def wait_for(condition: Callable[[], T], what: str, patience: float = 60.0) -> T:
    """The first true value of ``condition()``. Raises TimeoutError."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(0.05)
    return value


def machine() -> dict[str, str]:
    """The machine, as it is noted with results."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {
        "cpu": f"{len(CORES)} x {model}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip() or "unknown",
        "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "server cores": ",".join(map(str, SERVER_CORES)),
        "load cores": ",".join(map(str, LOAD_CORES)),
    }
