"""The commented configuration files as installed in ``etc/crs`` and written by ``crsd --init``."""

import textwrap

from crs.config import directives
from crs.config.directives import Directive
from crs.config.values import Number


def sample(file: str, settings: dict[str, str] | None = None) -> str:
    """The commented file as installed: every directive at its default, those of ``settings`` (name to value) set."""
    settings = settings or {}
    lines = _comment(directives.HEADS[file])
    for section in directives.FILES[file]:
        if len(directives.FILES[file]) > 1:
            lines += ["", "", section]
        for row in directives.DIRECTIVES:
            if row.section == section and not row.obsolete:
                lines += ["", *_explained(row), _line(row, settings.get(row.name))]
    return "\n".join(lines) + "\n"


def _explained(row: Directive) -> list[str]:
    bounds = f", {row.parse.bounds}" if isinstance(row.parse, Number) else ""
    later = " (not yet effective)" if not row.effective else ""
    return _comment(row.help) + _comment(f"Form: {row.usage}{bounds}{later}")


def _line(row: Directive, value: str | None) -> str:
    if value is None:
        return "#" + row._replace(syntax=row.sample or row.default or "").usage
    return row._replace(syntax=value).usage


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
