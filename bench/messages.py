"""How many durable messages a second, end to end? 200-byte bodies, 50 and 1,000 pairs, receivers on-line and off-line.

On-line, a unit is a message whose acknowledgement by the receiver has reached the sender (in XMPP and MQTT: a message
that is answered by a message, both acknowledged by the server and stored). Off-line, a unit is a message that the
server has acknowledged as stored; then the receivers come, and every message must be there, once, in order. Each
sender has one message under way. Clients of the CRS have messages delivered; a receiver acknowledges by itself, a
sender with its next post. Beside ejabberd and Prosody with their archives on, and mosquitto with QoS 1.
"""

import sys
import time
from collections.abc import Sequence

from . import common
from .load.process import LoadProcess
from .peers import Ejabberd, Mosquitto, Prosody
from .report import BenchReport
from .systems import ANNOUNCED, CrsSystem, Missing, System, chosen_kinds

PAIRS = 10, 50, 250, 1_000
QUICK_PAIRS = 5, 20, 50
COMPARED = 50, 1_000  # the sizes that the other systems run too
SECONDS, QUICK_SECONDS = 4.0, 1.0
BUDGETS = {"on-line": (2_500, 7_300), "off-line": (5_200, 17_000)}  # at least, aim; 50 pairs

Found = dict[tuple[str, int], dict[str, list[tuple[float, float]]]]  # (receivers, pairs) -> name -> (rate, CPU us)


def main() -> int:
    chosen = common.options(__doc__, rounds=2)
    common.raise_file_limit()
    sizes, seconds = (QUICK_PAIRS, QUICK_SECONDS) if chosen.quick else (PAIRS, SECONDS)
    report = BenchReport(
        "messages",
        "Durable messages, 200 bytes",
        (
            "system",
            "round",
            "pairs",
            "receivers",
            "messages/s",
            "p50 ms",
            "p99 ms",
            "CPU us a message",
            "load busy",
            "checked",
        ),
        keep=not chosen.partial,
    )
    systems: dict[str, System] = {}
    found: Found = {}
    kinds = chosen_kinds(chosen, (CrsSystem, Ejabberd, Prosody, Mosquitto))
    try:
        for kind in kinds:
            system = kind(common.SERVER_CORES)
            systems[kind.name] = system
            try:
                system.start(2 * (sum(sizes) * 2 * chosen.rounds))
            except Missing as missing:
                report.missing(f"messages-{kind.name}", str(missing))
                del systems[kind.name]
                continue
            report.about(system)
        for run in range(1, chosen.rounds + 1):
            for system in systems.values():
                _round(system, run, sizes, seconds, report, found, chosen.quick)
    except Exception as error:
        report.fault(f"{type(error).__name__}: {error}")
    finally:
        for system in systems.values():
            system.stop()
    conclude(report, found, sizes)
    return report.end()


def _round(
    system: System, run: int, sizes: Sequence[int], seconds: float, report: BenchReport, found: Found, quick: bool
) -> None:
    """All sizes on-line and off-line; each run has clients of its own, whose mailboxes are empty."""
    if isinstance(system, CrsSystem):
        time.sleep(ANNOUNCED)
        system.stall()  # of the time when the others used the core and the disk
    for place, receivers in enumerate(("on-line", "off-line")):
        for pairs in sizes:
            first = 2 * ((run - 1) * 2 * sum(sizes) + place * sum(sizes) + sum(size for size in sizes if size < pairs))
            if pairs not in COMPARED and not isinstance(system, CrsSystem) and not quick:
                continue
            people = [(system.who(first + 2 * n), system.who(first + 2 * n + 1)) for n in range(pairs)]
            system.settle()
            load = LoadProcess(system.protocol, common.LOAD_CORES)
            try:
                done = load.do("messages", people, receivers == "on-line", seconds, system.pids())
            finally:
                load.stop()
            rate = done["done"] / done["seconds"]
            cost = done["server cpu"] / done["done"] * 1e6 if done["done"] else float("nan")
            report.row(
                system.name,
                run,
                pairs,
                receivers,
                rate,
                1000 * common.percentile(done["times"], 0.5),
                1000 * common.percentile(done["times"], 0.99),
                cost,
                done["load busy"],
                done["checked"],
            )
            found.setdefault((receivers, pairs), {}).setdefault(system.name, []).append((rate, cost))
    if isinstance(system, CrsSystem):
        time.sleep(ANNOUNCED)
        report.note(f"{system.name}: longest stall of its loop in round {run}: {system.stall():.0f} ms")


def conclude(report: BenchReport, found: Found, sizes: Sequence[int]) -> None:
    for (receivers, pairs), rates in found.items():
        middle = {name: common.median([rate for rate, _ in runs]) for name, runs in rates.items()}
        if pairs in COMPARED:
            for name, runs in rates.items():
                report.note(
                    f"{receivers}, {pairs} pairs, {name}: {middle[name]:,.0f} messages/s, "
                    f"+-{100 * common.spread([rate for rate, _ in runs]):.0f} %"
                )
        if "crs" not in middle:
            continue
        for name in middle:
            if name != "crs":
                report.ratio(f"messages-{receivers}-{pairs}-{name}", middle["crs"] / middle[name])
        if pairs == 50:
            for what, budget in zip(("budget", "aim"), BUDGETS[receivers], strict=True):
                report.ratio(f"messages-{receivers}-{what}", middle["crs"] / budget)
    for receivers in ("on-line", "off-line"):
        costs = [
            common.median([cost for _, cost in found[receivers, pairs]["crs"]])
            for pairs in (sizes[0], sizes[-1])
            if "crs" in found.get((receivers, pairs), {})
        ]
        if len(costs) == 2:
            report.ratio(f"messages-{receivers}-growth", costs[1] / costs[0])
        lines: dict[str, list[tuple[float, float]]] = {}
        for (what, pairs), rates in found.items():
            if what == receivers:
                for name, runs in rates.items():
                    lines.setdefault(name, []).append((pairs, common.median([rate for rate, _ in runs])))
        report.plot(f"Durable messages, receivers {receivers}", "pairs", "messages/s", lines)


if __name__ == "__main__":
    sys.exit(main())
