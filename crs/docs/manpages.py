"""The manual pages crs-cli(1), crsd(8) and crs.conf(5), made from the very texts that the programs show.

``python -m crs.docs.manpages DIR`` writes them; those in ``doc/man`` are what it wrote. The language is man(7), whose
few macros every renderer knows.
"""

import sys
from pathlib import Path

from crs import __version__
from crs.cli.actions import ACTIONS, EXIT_CODES
from crs.cli.arguments import ARGUMENTS
from crs.cli.options import OPTIONS
from crs.config import directives
from crs.config.values import Number
from crs.daemon.main import USAGE


def crs_cli() -> str:
    """Every action with its help, arguments and options; exit codes; environment."""
    lines = [
        *_head("crs-cli", 1, "CLI command tool of the CRS"),
        ".B crs-cli",
        ".I action",
        "[options]",
        ".SH DESCRIPTION",
        _text(
            "crs-cli manages accounts, and shows the status of the system, its users and their usage. It talks "
            "to the host whose home directory is given. A table is aligned on a terminal and separated by tabs "
            "in a pipe; with --json the output is JSON. Errors are one line on standard error."
        ),
        ".SH ACTIONS",
    ]
    for name, action in ACTIONS.items():
        lines += _item(f"{name} {action.arguments}", action.help)
    lines += [".SH ARGUMENTS"]
    for name, argument in ARGUMENTS.items():
        lines += _item(name, argument.help)
    lines += [".SH OPTIONS"]
    for head, option in OPTIONS.items():
        lines += _item(head, option.help)
    lines += [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES.items():
        lines += _item(str(code), meaning)
    lines += [".SH ENVIRONMENT"]
    for name, meaning in (
        ("CRS_HOME", "home directory of the CRS, where --home is not given"),
        ("TMPDIR", "where lists of several thousand rows are sorted (else /var/tmp), in a file without a name"),
        ("NO_COLOR", "where it is set, nothing is coloured"),
    ):
        lines += _item(name, meaning)
    return _page(lines, "crsd(8), crs.conf(5)")


def crsd() -> str:
    """The usage text of crsd, option by option."""
    name, usages, options = USAGE.split("\n\n", 2)
    lines = _head("crsd", 8, name.partition(" - ")[2])
    for usage_line in usages.splitlines()[1:]:
        lines += [_text(usage_line.strip()), ".br"]
    lines += [".SH OPTIONS"]
    for head, text in _options(options.splitlines()[1:]):
        lines += _item(head, text)
    lines += [".SH EXIT STATUS"]
    for code, meaning in ((0, "done"), (1, "fault; the reason is on standard error")):
        lines += _item(str(code), meaning)
    return _page(lines, "crs-cli(1), crs.conf(5)")


def crs_conf() -> str:
    """Every directive of the three files."""
    lines = [
        *_head("crs.conf", 5, "configuration of the CRS"),
        *(line for file in directives.FILES for line in (_text(file), ".br")),
        ".SH DESCRIPTION",
        _text(
            "One directive a line; # begins a comment. crsd --check says what is wrong in these files, and what "
            "would be right; crsd --print-config prints one as installed."
        ),
    ]
    for file, sections in directives.FILES.items():
        for section in sections:
            lines += [
                f".SH {file.upper() if len(sections) == 1 else f'{file.upper()}, SECTION {section}'}",
                _text(directives.HEADS[file]),
            ]
            for row in directives.DIRECTIVES:
                if row.section == section and not row.obsolete:
                    lines += _item(row.usage, " ".join((row.help, *_facts(row))))
    return _page(lines, "crsd(8), crs-cli(1)")


def _facts(row: directives.Directive) -> list[str]:
    """Bounds and default of a directive, and whether it counts yet."""
    facts = [
        f"{row.parse.bounds}." if isinstance(row.parse, Number) else "",
        f"Default: {row.default}." if row.default else "",
        "" if row.effective else "Not yet effective.",
    ]
    return [fact[:1].upper() + fact[1:] for fact in facts if fact]


# --- man(7) ---------------------------------------------------------------------------------------------------------


def _head(name: str, section: int, purpose: str) -> list[str]:
    return [
        f'.TH {name.upper()} {section} "" "crs {__version__}" "Rendezvous server"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(purpose)}",
        ".SH SYNOPSIS",
    ]


def _item(term: str, text: str) -> list[str]:
    return [".TP", f".B {_text(term)}", _text(text)]


def _page(lines: list[str], related: str) -> str:
    return "\n".join([*lines, ".SH SEE ALSO", _text(related)]) + "\n"


def _text(text: str) -> str:
    """Text as it stands: backslashes, minus signs, and a dot or apostrophe that begins a line mean themselves."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def _options(lines: list[str]) -> list[list[str]]:
    """The options of a usage text: what stands in its left column, and the whole of what stands beside it."""
    found: list[list[str]] = []
    for line in lines:
        left, right = line[:21].strip(), line[21:].strip()
        if left:
            found.append([left, right])
        elif right:
            found[-1][1] += f" {right}"
    return found


PAGES = {"crs-cli.1": crs_cli, "crsd.8": crsd, "crs.conf.5": crs_conf}


def main(folder: str) -> None:
    """Write all pages into ``folder``."""
    for name, make in PAGES.items():
        Path(folder, name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
