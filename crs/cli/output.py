"""What an action returns, and how it is printed: aligned on a terminal, tab-separated in a pipe, or as JSON.

Text that came from outside can neither steer a terminal nor break a table: what is not printable is escaped. In JSON a
column's key is its title in lower case with ``_`` for anything that is neither letter nor digit (``IP:PORT`` is
``ip_port``), and times are ISO 8601.
"""

import datetime
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TextIO

PROGRAM = "crs-cli"
PAGE = 500  # rows of a table that are held and aligned together


class Utc(int):
    """A time in milliseconds since 1970-01-01 UTC, shown to the second."""

    def __str__(self) -> str:
        return self._moment().strftime("%Y-%m-%d %H:%M:%S")

    def iso(self) -> str:
        return self._moment().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _moment(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self / 1000, datetime.UTC)


class Moment(Utc):
    """A time shown to the millisecond."""

    def __str__(self) -> str:
        return f"{super().__str__()}.{self % 1000:03}"

    def iso(self) -> str:
        return f"{super().iso()[:-1]}.{self % 1000:03}Z"


Row = tuple[Any, ...]  # one value for each column, and for each detail


class ResultTable(NamedTuple):
    """Rows under titles. Values of a row that go beyond ``columns`` belong to ``details``, shown in JSON only.

    Long lists give ``rows`` as they are read, and no more than PAGE of them are ever held: on a terminal the columns
    are as wide as the first PAGE rows need, and become wider with later ones. Nothing is printed before the first row
    is read. ``absent`` stands for None. ``tabs``: separated by tabs on a terminal, too.
    """

    columns: tuple[str, ...]
    rows: Iterable[Row]
    details: tuple[str, ...] = ()
    absent: str = "-"
    tabs: bool = False


class ResultStream(NamedTuple):
    """Lines under titles, printed as they come until Ctrl-C. JSON is one object a line."""

    columns: tuple[str, ...]
    lines: Iterator[Row]


class Sections(NamedTuple):
    """Fields in named groups: section -> field -> value."""

    fields: dict[str, dict[str, Any]]


class Line(NamedTuple):
    """One sentence or value for people; ``fields`` is what JSON says instead."""

    text: str
    fields: dict[str, Any]


class Verdict(NamedTuple):
    """A result with an exit code of its own, that decides by itself whether it is JSON."""

    shown: Line | ResultTable
    code: int
    as_json: bool


Finite = ResultTable | Sections | Line
Result = Finite | ResultStream | Verdict  # of an action


def write(out: TextIO, result: Result, as_json: bool) -> int:
    """Print ``result`` to ``out``; returns the exit code."""
    if isinstance(result, Verdict):
        write(out, result.shown, result.as_json)
        return result.code
    if isinstance(result, ResultStream):
        _follow(out, result, as_json)
        return 0
    aligned = out.isatty() and not (isinstance(result, ResultTable) and result.tabs)
    show = _json if as_json else _aligned if aligned else _separated
    for line in show(result):
        out.write(line + "\n")
    out.flush()
    return 0


RED, YELLOW = 31, 33  # ECMA-48, SGR


def tell(err: TextIO, colour: int, text: str) -> None:
    """Print one line of this program's own to standard error. Its name is coloured on a terminal that can, unless
    NO_COLOR (no-color.org) asks for plain text."""
    coloured = err.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    name = f"\x1b[{colour}m{PROGRAM}:\x1b[0m" if coloured else f"{PROGRAM}:"
    print(f"{name} {text}", file=err, flush=True)


# --- the three forms ------------------------------------------------------------------------------------------------


def _separated(result: Finite) -> Iterator[str]:
    for lines in _pages(result):
        for cells in lines:
            yield "\t".join(map(_text, cells))


def _aligned(result: Finite) -> Iterator[str]:
    widths: list[int] = []
    numeric: list[bool] = []
    for lines in _pages(result):
        if not widths:
            body = lines[1:] if isinstance(result, ResultTable) else lines
            numeric = [
                bool(body) and all(type(line[at]) in (int, float) for line in body) for at in range(len(lines[0]))
            ]
            widths = [0] * len(numeric)
        if isinstance(result, Sections):
            lines = _without_repeats(lines)
        texts = [[_text(cell) for cell in line] for line in lines]
        widths = [max(width, *map(len, column)) for width, column in zip(widths, zip(*texts, strict=True), strict=True)]
        for line in texts:
            yield "  ".join(
                text.rjust(width) if number else text.ljust(width)
                for text, width, number in zip(line, widths, numeric, strict=True)
            ).rstrip()


def _json(result: Finite) -> Iterator[str]:
    if not isinstance(result, ResultTable):
        yield json.dumps(_plain(result.fields), indent=2)
        return
    keys = [key(title) for title in (*result.columns, *result.details)]
    line, comma = "[", ""
    for row in result.rows:
        yield line + comma  # of the row before
        line, comma = " " + json.dumps(dict(zip(keys, map(_plain, row), strict=True))), ","
    yield line
    yield "]"


def _follow(out: TextIO, stream: ResultStream, as_json: bool) -> None:
    """Print each line of a stream when it comes."""
    keys, widths = [key(title) for title in stream.columns], [0] * len(stream.columns)
    try:
        if not as_json:
            _print(out, stream.columns, widths)
        for cells in stream.lines:
            if as_json:
                print(json.dumps(dict(zip(keys, map(_plain, cells), strict=True))), file=out, flush=True)
            else:
                _print(out, [_text(cell) for cell in cells], widths)
    except KeyboardInterrupt:
        if out.isatty():
            out.write("\n")  # the prompt comes after the ^C that the terminal shows
            out.flush()


def _print(out: TextIO, texts: Sequence[str], widths: list[int]) -> None:
    """A line of a table whose end is not known yet: on a terminal a column is as wide as its widest cell so far."""
    widths[:] = [max(width, len(text)) for width, text in zip(widths, texts, strict=True)]
    padded = "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()
    print(padded if out.isatty() else "\t".join(texts), file=out, flush=True)


def _pages(result: Finite) -> Iterator[list[Row]]:
    """The cells of ``result``, line by line, in pages; the first line of a table holds its titles."""
    if isinstance(result, ResultTable):
        rows = (
            tuple(result.absent if cell is None else cell for cell in row[: len(result.columns)]) for row in result.rows
        )
        yield [result.columns, *islice(rows, PAGE)]
        while page := list(islice(rows, PAGE)):
            yield page
    elif isinstance(result, Sections):
        yield [(section, name, value) for section, fields in result.fields.items() for name, value in fields.items()]
    else:
        yield [(result.text,)]


def _without_repeats(lines: list[Row]) -> list[Row]:
    """Name each section once, as a person would write it."""
    return [("", *line[1:]) if at and line[0] == lines[at - 1][0] else line for at, line in enumerate(lines)]


def counted(count: int, what: str) -> str:
    """``1 client``, ``2 clients``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def key(title: str) -> str:
    """The JSON key of a column or field."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, dict):
        cell = [f"{name}={value}" for name, value in cell.items()]
    text = ", ".join(map(str, cell)) if isinstance(cell, (list, tuple)) else str(cell)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Utc):
        return value.iso()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
