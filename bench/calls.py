"""How many calls a second can be set up, and what does a held call cost?

A set-up is invite, ringing, accept, relay allocated, hang-up, with all notifications; the time is from invite to
accepted at the caller, for growing numbers of pairs that call at once. Held calls have media at a low rate both ways,
every packet counted at the receiver. No other system does the same; the ratios are to the budgets of stalls and of
growth.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import common
from .load.process import LoadProcess
from .report import BenchReport
from .systems import ANNOUNCED, CrsSystem

PAIRS = 10, 50, 250, 1_000  # pairs that call at once
HELD = 625, 1_250, 2_500, 5_000  # calls held
QUICK_PAIRS, QUICK_HELD = (5, 20), (50, 100)
SECONDS, QUICK_SECONDS = 5.0, 1.0
MEDIA_EACH = 1.0  # seconds between two packets of a leg
MEDIA_SECONDS = 10.0
A_LOAD = 2_500  # calls that one load process holds
LOSS = 0.001  # of media packets
STALL = 50.0  # ms: the budget

Figures = tuple[int, float, float]


def set_up(system: CrsSystem, sizes: Sequence[int], seconds: float, rounds: int, report: BenchReport) -> list[Figures]:
    """(pairs, calls/s, CPU us a call) of each run."""
    found: list[Figures] = []
    for run in range(1, rounds + 1):
        for pairs in sizes:
            load = LoadProcess("crs", common.LOAD_CORES)
            try:
                done = load.do(
                    "setups", [(system.who(2 * n), system.who(2 * n + 1)) for n in range(pairs)], seconds, system.pids()
                )
            finally:
                load.stop()
            rate, cost = done["done"] / done["seconds"], done["server cpu"] / max(1, done["done"]) * 1e6
            report.row(
                "set-up",
                run,
                pairs,
                rate,
                1000 * common.percentile(done["times"], 0.5),
                1000 * common.percentile(done["times"], 0.99),
                cost,
                done["load busy"],
                _stall(system),
                None,
                done["checked"],
                None,
            )
            found.append((pairs, rate, cost))
    return found


def _stall(system: CrsSystem) -> float:
    time.sleep(ANNOUNCED)
    return system.stall()


def hold(system: CrsSystem, sizes: Sequence[int], seconds: float, report: BenchReport) -> list[Figures]:
    """(calls, KiB in all, CPU us a call and second) of each size; three rows each: setting them up, holding them
    without media, and with media."""
    loads = [LoadProcess("crs", common.LOAD_CORES) for _ in range(-(-sizes[-1] // A_LOAD))]
    found: list[Figures] = [(0, float(system.pss()), 0.0)]
    held = 0
    try:
        for size in sizes:
            _begin(system, loads, held, size, report)
            held = size
            busy = loads[: -(-size // A_LOAD)]
            _watch(system, "held, silent", size, seconds / 2, report, lambda: time.sleep(seconds / 2), found[0][1])
            for load in busy:
                load.start("media", MEDIA_EACH, seconds)
            cpu = _watch(system, "held, media", size, seconds, report, partial(_answers, busy), found[0][1])
            found.append((size, float(system.pss()), cpu))
            report.note(
                f"{size} calls held, {2 * size / MEDIA_EACH:,.0f} packets/s: {size * cpu / 1e4:.1f} % of a core"
            )
        for load in loads:
            load.do("let_go")
        report.row("all gone", 1, sizes[-1], None, None, None, None, None, _stall(system), None, None, None)
    finally:
        for load in loads:
            load.stop()
    return found


def _answers(loads: list[LoadProcess]) -> list[dict[str, Any]]:
    return [load.answer() for load in loads]


def _begin(system: CrsSystem, loads: list[LoadProcess], held: int, size: int, report: BenchReport) -> None:
    """From ``held`` calls to ``size``: their clients attach, call, answer, and bind both legs."""
    cpu, began, before = system.cpu(), time.monotonic(), held
    while held < size:
        some = min(A_LOAD - held % A_LOAD, size - held)
        loads[held // A_LOAD].do(
            "hold", [(system.who(2 * n), system.who(2 * n + 1)) for n in range(held, held + some)], 120.0
        )
        held += some
    rate, cpu = (size - before) / (time.monotonic() - began), (system.cpu() - cpu) / (size - before) * 1e6
    report.row("attach, call, bind", 1, size, rate, None, None, cpu, None, _stall(system), None, None, None)


def _watch(
    system: CrsSystem,
    what: str,
    size: int,
    seconds: float,
    report: BenchReport,
    run: Callable[[], list[dict[str, Any]] | None],
    empty: float,
) -> float:
    """CPU us a call and second while ``run()`` lasts. What it tells of media is checked: each packet that was sent is
    counted at its receiver. ``empty``: KiB of the host without calls."""
    cpu = system.cpu()
    done = run() or []
    cpu = (system.cpu() - cpu) / size / seconds * 1e6
    sent, heard = (sum(counts[key] for counts in done) for key in ("sent", "heard"))
    if done and (heard < (1 - LOSS) * sent or heard > sent or sent < 0.9 * 2 * size * seconds / MEDIA_EACH):
        report.fault(f"{size} calls held: {sent} packets sent, {heard} heard")
    report.row(
        what,
        1,
        size,
        None,
        None,
        None,
        cpu,
        max((counts["load busy"] for counts in done), default=None),
        _stall(system) if done else None,
        1 - heard / sent if done else None,
        heard if done else None,
        (system.pss() - empty) / size,
    )
    return cpu


def main() -> int:
    chosen = common.options(__doc__, rounds=2)
    common.raise_file_limit()
    pairs, held = (QUICK_PAIRS, QUICK_HELD) if chosen.quick else (PAIRS, HELD)
    seconds = QUICK_SECONDS if chosen.quick else SECONDS
    report = BenchReport(
        "calls",
        "Calls",
        (
            "what",
            "round",
            "calls at once",
            "calls/s",
            "p50 ms",
            "p99 ms",
            "CPU us a call",
            "load busy",
            "stall ms",
            "loss",
            "checked",
            "KiB a call",
        ),
        keep=not chosen.partial,
    )
    set_ups: list[Figures] = []
    holding: list[Figures] = []
    system = CrsSystem(common.SERVER_CORES)
    try:
        system.start(2 * pairs[-1])
        report.about(system)
        set_ups = set_up(system, pairs, seconds, chosen.rounds, report)
        system.stop()
        system = CrsSystem(common.SERVER_CORES)  # with fresh memory
        system.start(2 * held[-1])
        holding = hold(system, held, 2 * seconds if chosen.quick else MEDIA_SECONDS, report)
    except Exception as error:
        report.fault(f"{type(error).__name__}: {error}")
    finally:
        system.stop()
    if holding and not report.failed:
        conclude(report, set_ups, holding, pairs)
    return report.end()


def conclude(report: BenchReport, set_ups: list[Figures], holding: list[Figures], pairs: Sequence[int]) -> None:
    rates = {size: common.median([rate for at, rate, _ in set_ups if at == size]) for size in pairs}
    costs = {size: common.median([cost for at, _, cost in set_ups if at == size]) for size in pairs}
    del holding[0]  # without calls
    for size in pairs:
        each = [rate for at, rate, _ in set_ups if at == size]
        report.note(
            f"{size} pairs: {rates[size]:,.0f} set-ups/s, +-{100 * common.spread(each):.0f} %, "
            f"{costs[size]:,.0f} us of CPU each"
        )
    report.note(
        f"a held call takes {common.slope([(at, kib) for at, kib, _ in holding]):.1f} KiB in all "
        "processes, its two clients included"
    )
    report.ratio("calls-set-up-growth", costs[pairs[-1]] / costs[pairs[0]])
    report.ratio("calls-held-growth", holding[-1][2] / holding[0][2])
    each = [common.slope([(at, kib) for at, kib, _ in pair]) for pair in (holding[:2], holding[-2:])]
    report.ratio("calls-memory-growth", each[1] / each[0])  # of a further call
    stalls = [row[8] for row in report.rows if row[8] is not None]
    report.ratio("calls-stall", max(stalls) / STALL)
    report.plot("Call set-ups", "pairs that call at once", "set-ups/s", {"crs": list(rates.items())})
    report.plot(
        "Held calls with media",
        "calls held",
        "MiB of all processes",
        {"crs": [(at, kib / 1024) for at, kib, _ in holding]},
    )


if __name__ == "__main__":
    sys.exit(main())
