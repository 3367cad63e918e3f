#!/usr/bin/env python3
"""Makes the Grafana dashboard, ``crs.json``, and its picture, ``crs.svg``, out of one list of panels.

``make.py``                        writes crs.json
``make.py draw RECORD``            writes crs.svg from a recording
``make.py record RECORD URL N``    asks URL for the metrics once a second, N times, and keeps them

The picture shows what Grafana would: real figures, the same expressions, computed by the few lines of PromQL below.
Never here: metrics of its own; ``crs/telemetry/metrics.py`` has them.
"""

import json
import re
import sys
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
WINDOW = 10  # seconds of a rate in the picture; Grafana takes $__rate_interval
COLUMNS, CELL_W, CELL_H = 3, 400, 210
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")


class Panel(NamedTuple):
    """``expressions``: PromQL -> what its lines are called (Grafana's form)."""

    title: str
    unit: str  # Grafana's name for it
    expressions: dict[str, str]


PANELS = (
    Panel(
        "Attached clients",
        "short",
        {"crs_clients_attached": "registered", "sum(crs_worker_connections)": "connections"},
    ),
    Panel("Registrations", "ops", {"rate(crs_registrations_total[W])": "{{result}}"}),
    Panel("Calls", "short", {"crs_calls": "{{state}}"}),
    Panel("Call states entered", "ops", {"rate(crs_call_states_total[W])": "{{state}}"}),
    Panel(
        "Call set-up time",
        "s",
        {
            "histogram_quantile(0.5, rate(crs_call_setup_seconds_bucket[W]))": "half of them within",
            "histogram_quantile(0.99, rate(crs_call_setup_seconds_bucket[W]))": "99 % within",
        },
    ),
    Panel("Messages", "ops", {"rate(crs_messages_total[W])": "{{event}}"}),
    Panel("Mailboxes", "short", {"crs_mailbox_items": "{{account}}"}),
    Panel("Ledger difference", "short", {"crs_ledger_difference": "{{account}}"}),
    Panel("Relay packets", "pps", {"rate(crs_relay_packets_total[W])": "{{kind}} {{direction}}"}),
    Panel("Relay bytes", "Bps", {"rate(crs_relay_bytes_total[W])": "{{kind}} {{direction}}"}),
    Panel("Relay drops", "pps", {"rate(crs_relay_dropped_total[W])": "{{cause}}"}),
    Panel("Loop stall", "s", {"crs_loop_stall_seconds": "{{worker}}"}),
    Panel("Redis latency", "s", {"crs_redis_latency_seconds": "{{server}}"}),
    Panel("Update age", "d", {"crs_update_age_days": "{{account}}"}),
    Panel(
        "Relay, links and push",
        "short",
        {
            "crs_relay_up": "relay",
            "crs_link_up": "{{kind}} {{peer}}",
            "rate(crs_push_notifications_total[W])": "push {{result}}",
        },
    ),
)


def dashboard() -> dict:
    """What Grafana imports; the data source is asked for then."""
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    panels = [
        {
            "id": at + 1,
            "type": "timeseries",
            "title": panel.title,
            "datasource": source,
            "gridPos": {"h": 8, "w": 24 // COLUMNS, "x": 24 // COLUMNS * (at % COLUMNS), "y": 8 * (at // COLUMNS)},
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": None}, "overrides": []},
            "targets": [
                {"refId": chr(65 + number), "datasource": source, "legendFormat": legend, "expr": _of_host(expression)}
                for number, (expression, legend) in enumerate(panel.expressions.items())
            ],
        }
        for at, panel in enumerate(PANELS)
    ]
    return {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "uid": "crs-host",
        "title": "CRS host",
        "tags": ["crs"],
        "schemaVersion": 39,
        "timezone": "utc",
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": panels,
        "templating": {
            "list": [
                {
                    "name": "instance",
                    "label": "Host",
                    "type": "query",
                    "datasource": source,
                    "query": "label_values(crs_info, instance)",
                    "refresh": 1,
                }
            ]
        },
    }


def _of_host(expression: str) -> str:
    """For the instance that is chosen above the panels, over Grafana's own interval."""
    chosen = re.sub(r"\b(crs_[a-z_]+)", r'\1{instance="$instance"}', expression)
    return chosen.replace("[W]", "[$__rate_interval]")


# --- the picture: a recording, and the PromQL of the panels ---------------------------------------------------------


def record(path: str, url: str, count: int) -> None:
    """Keep ``count`` looks at the metrics: lines of JSON, time in seconds and sample -> value."""
    with open(path, "w") as file:
        for _ in range(count):
            with urllib.request.urlopen(url, timeout=10) as answer:
                lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
            looked = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
            file.write(json.dumps([time.time(), looked]) + "\n")
            time.sleep(1)


Looks = list[tuple[float, dict[str, float]]]
Labels = tuple[tuple[str, str], ...]


def evaluate(expression: str, looks: Looks) -> dict[Labels, list[tuple[float, float]]]:
    """The lines of a panel's expression: labels -> (time, value)."""
    if found := re.fullmatch(r"histogram_quantile\(([0-9.]+), (.*)\)", expression):
        return {(): _quantile(float(found[1]), evaluate(found[2], looks))}
    if found := re.fullmatch(r"sum\((.*)\)", expression):
        lines = evaluate(found[1], looks).values()
        return {(): [(points[0][0], sum(value for _, value in points)) for points in zip(*lines, strict=True)]}
    if found := re.fullmatch(r"rate\((.*)\[W\]\)", expression):
        return {labels: _rate(line) for labels, line in evaluate(found[1], looks).items()}
    lines: dict[Labels, list] = {}
    for now, samples in looks:
        for sample, value in samples.items():
            name, _, labels = sample.partition("{")
            if name == expression:
                lines.setdefault(tuple(re.findall(r'([a-z]+)="([^"]*)"', labels)), []).append((now, value))
    return lines


def _rate(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    points = []
    for at in range(1, len(line)):
        (then, before), (now, after) = line[max(0, at - WINDOW)], line[at]
        points.append((now, max(0.0, after - before) / (now - then)))
    return points


def _quantile(share: float, buckets: dict[Labels, list[tuple[float, float]]]) -> list[tuple[float, float]]:
    bounds = [float(dict(labels)["le"].replace("+Inf", "inf")) for labels in buckets]
    points = []
    for column in zip(*buckets.values(), strict=True):
        total, low, below = max(value for _, value in column), 0.0, 0.0
        for bound, (now, count) in sorted(zip(bounds, column, strict=True)):
            if total and count >= share * total:
                inside = (share * total - below) / (count - below) if count > below else 1.0
                points.append((now, low if bound == float("inf") else low + (bound - low) * inside))
                break
            low, below = bound, count
    return points


def draw(looks: Looks) -> str:
    """The dashboard as SVG."""
    height = CELL_H * -(-len(PANELS) // COLUMNS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * CELL_W}" height="{height}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#f4f5f5"/>'
    ]
    for at, panel in enumerate(PANELS):
        parts.append(
            f'<g transform="translate({CELL_W * (at % COLUMNS)} {CELL_H * (at // COLUMNS)})">{_cell(panel, looks)}</g>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cell(panel: Panel, looks: Looks) -> str:
    lines = {
        _legend(legend, labels): points
        for expression, legend in panel.expressions.items()
        for labels, points in evaluate(expression, looks).items()
        if points
    }
    busy = dict(sorted(lines.items(), key=lambda line: -max(value for _, value in line[1]))[: len(COLOURS)])
    top = max([value for points in busy.values() for _, value in points], default=0) * 1.1 or 1.0
    low = min([value for points in busy.values() for _, value in points] + [0.0])
    start, end = looks[0][0], looks[-1][0]
    parts = [
        f'<rect x="4" y="4" width="{CELL_W - 8}" height="{CELL_H - 8}" rx="3" fill="white" stroke="#d8d9da"/>',
        f'<text x="14" y="22" font-weight="bold">{panel.title}</text>',
        f'<text x="{CELL_W - 14}" y="22" text-anchor="end" fill="#777">{panel.unit}</text>',
    ]
    for step in range(5):
        value = low + (top - low) * step / 4
        y = 150 - 115 * step / 4
        parts.append(
            f'<line x1="60" x2="{CELL_W - 14}" y1="{y:g}" y2="{y:g}" stroke="#eee"/>'
            f'<text x="54" y="{y + 4:g}" text-anchor="end" fill="#777">{_figure(value)}</text>'
        )
    for number, (name, points) in enumerate(busy.items()):
        path = " ".join(
            f"{60 + (CELL_W - 74) * (now - start) / (end - start):.1f},{150 - 115 * (value - low) / (top - low):.1f}"
            for now, value in points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[number]}" stroke-width="1.5"/>')
        x, y = 14 + 125 * (number % 3), 170 + 14 * (number // 3)
        parts.append(
            f'<rect x="{x}" y="{y - 8}" width="8" height="8" fill="{COLOURS[number]}"/>'
            f'<text x="{x + 12}" y="{y}">{name[:19]}</text>'
        )
    return "".join(parts)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _legend(legend: str, labels: Labels) -> str:
    return re.sub(r"\{\{([a-z]+)\}\}", lambda found: dict(labels)[found[1]], legend)


def main(words: list[str]) -> None:
    match words:
        case []:
            (HERE / "crs.json").write_text(json.dumps(dashboard(), indent=1) + "\n")
        case ["record", path, url, count]:
            record(path, url, int(count))
        case ["draw", path]:
            looks = [(now, samples) for now, samples in map(json.loads, Path(path).read_text().splitlines())]
            (HERE / "crs.svg").write_text(draw(looks))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
