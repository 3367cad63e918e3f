"""The results of a benchmark: a table on the terminal, and Markdown, JSON and an SVG plot in ``bench/results``.

A quick run writes no files: its figures are not for comparing. The last
lines on the terminal are ``ratio NAME VALUE``.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .common import ROOT, machine
from .systems import System

RESULTS = ROOT / "bench" / "results"
_COLOURS = ("#1f6fb4", "#d9822b", "#3c8f4e", "#b03a48", "#7a5aa6", "#666666")


class BenchReport:
    """The results of one benchmark. ``keep``: write files too."""

    def __init__(self, name: str, title: str, columns: Sequence[str], keep: bool):
        self.name, self.title, self.columns, self.keep = name, title, list(columns), keep
        self.rows: list[list[Any]] = []
        self.settings = machine()
        self.notes: list[str] = []
        self.ratios: list[tuple[str, str]] = []
        self.plots: list[str] = []
        self.failed = False
        print(f"# {title}", flush=True)

    def about(self, system: System) -> None:
        """Note version, settings and fsync policy of a system."""
        for what, text in system.about().items():
            self.settings[f"{system.name} {what}"] = text
            print(f"{system.name} {what}: {text}", flush=True)

    def row(self, *values: Any) -> None:
        """One line of the table; printed at once, so that a long run can be watched."""
        assert len(values) == len(self.columns), values
        self.rows.append(list(values))
        print(
            "  ".join(f"{column} {_shown(value)}" for column, value in zip(self.columns, values, strict=True)),
            flush=True,
        )

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(text, flush=True)

    def fault(self, text: str) -> None:
        """Something went wrong: the benchmark ends with a non-zero code."""
        self.failed = True
        self.note(f"FAILED: {text}")

    def ratio(self, name: str, value: float) -> None:
        self.ratios.append((name, f"{value:.3g}"))

    def missing(self, name: str, why: str) -> None:
        """A peer that cannot be compared."""
        self.failed = True
        self.note(why)
        self.ratios.append((name, "missing"))

    def plot(self, title: str, x: str, y: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """A line for each name: points (x, y)."""
        if lines:
            self.plots.append(_svg(title, x, y, lines))

    def end(self) -> int:
        """Print the table and the ratios, write the files; the exit code."""
        print("\n" + self._markdown_table())
        if self.keep and not self.failed:
            self._write()
        for name, value in self.ratios:
            print(f"ratio {name} {value}")
        sys.stdout.flush()
        return int(self.failed)

    def _markdown_table(self) -> str:
        cells = [self.columns, *([_shown(value) for value in row] for row in self.rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines) + "\n"

    def _write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        file = Path(RESULTS, self.name)
        settings = "\n".join(f"- {what}: {text}" for what, text in self.settings.items())
        notes = "".join(f"\n{note}\n" for note in self.notes)
        ratios = "\n".join(f"    ratio {name} {value}" for name, value in self.ratios)
        plots = [f"{self.name}-{number}.svg" for number in range(1, len(self.plots) + 1)]
        file.with_suffix(".md").write_text(
            f"# {self.title}\n\n`make bench-{self.name}`\n\n{self._markdown_table()}{notes}\n{ratios}\n\n"
            f"## On\n\n{settings}\n" + "".join(f"\n![{plot}]({plot})\n" for plot in plots)
        )
        file.with_suffix(".json").write_text(
            json.dumps(
                {
                    "benchmark": self.name,
                    "settings": self.settings,
                    "columns": self.columns,
                    "rows": self.rows,
                    "notes": self.notes,
                    "ratios": dict(self.ratios),
                },
                indent=1,
            )
            + "\n"
        )
        for plot, svg in zip(plots, self.plots, strict=True):
            Path(RESULTS, plot).write_text(svg)


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return str(value) if value is not None else "-"
    return "-" if value != value else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _svg(title: str, x_name: str, y_name: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A plot with linear axes from zero."""
    width, height, left, bottom, top, right = 720, 420, 80, 50, 40, 130
    most_x = max(x for points in lines.values() for x, _ in points) or 1
    most_y = max(y for points in lines.values() for _, y in points) * 1.05 or 1

    def at(x: float, y: float) -> tuple[float, float]:
        return (left + x / most_x * (width - left - right), height - bottom - y / most_y * (height - bottom - top))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{width / 2}" y="20" text-anchor="middle" font-size="14">{title}</text>',
        f'<text x="{(left + width - right) / 2}" y="{height - 10}" text-anchor="middle">{x_name}</text>',
        f'<text transform="translate(18,{height / 2}) rotate(-90)" text-anchor="middle">{y_name}</text>',
    ]
    for step in range(6):
        x, y = at(most_x * step / 5, most_y * step / 5)
        parts.append(
            f'<path d="M{left} {y:.1f}H{width - right}" stroke="#ddd"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_shown(most_y * step / 5)}</text>'
            f'<text x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">'
            f"{_shown(most_x * step / 5)}</text>"
        )
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [at(*point) for point in sorted(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(f'<text x="{width - right + 10}" y="{top + 18 * number + 12}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])
