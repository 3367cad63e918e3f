"""The text of a configuration file, cut into settings and faults, each with its line and column.

The grammar: lines, sections, comments, and ``NAME=<limit>`` in crs-relay.conf. What must hold between lines is checked
in ``settings``.
"""

import difflib
import re
from pathlib import Path
from typing import Any, NamedTuple

from crs.config import directives, values
from crs.config.directives import Directive
from crs.config.values import Word, Wrong

MAX_FILE = 1_048_576  # bytes
RELAY_FILE = "crs-relay.conf"

_SECTION = re.compile(r"\[(?P<bracket>[A-Za-z]*)\]|(?P<bare>GLOBAL|POOL):?")
_NAME_SHAPE = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")


class ConfigFault(NamedTuple):
    """What is wrong (or a note), where, and what to do. ``line`` 0 is the file as a whole."""

    file: str
    line: int
    column: int
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.what}; {self.remedy}"


class Setting(NamedTuple):
    """A line that was understood: its directive, its value and its place."""

    directive: Directive
    value: Any  # what the directive's parser returned
    file: str
    line: int
    column: int

    @property
    def name(self) -> str:
        return self.directive.name

    def fault(self, what: str, remedy: str) -> ConfigFault:
        """A fault at the place of this setting."""
        return ConfigFault(self.file, self.line, self.column, what, remedy)


class Reading:
    """What was read so far. ``broken``: names of directives whose lines are among the faults."""

    def __init__(self) -> None:
        self.settings: list[Setting] = []
        self.faults: list[ConfigFault] = []
        self.broken: set[str] = set()

    def file(self, path: Path) -> None:
        """Read a file. That it cannot be read is a fault, but ``crs-relay.conf`` may be missing."""
        try:
            with open(path, "rb") as stream:
                content = stream.read(MAX_FILE + 1)
            if len(content) > MAX_FILE:
                self._whole(path.name, f"the file is larger than {MAX_FILE} bytes", "is it the right one?")
            else:
                self.text(path.name, content.decode("utf-8-sig"))
        except FileNotFoundError:
            if path.name != RELAY_FILE:
                self._whole(path.name, f"{path} is missing", f"begin with the text of: crsd --print-config {path.name}")
        except OSError as error:
            self._whole(path.name, f"{path} cannot be read: {error.strerror}", "check its owner and mode")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            column = error.start - content.rfind(b"\n", 0, error.start)
            self._whole(path.name, "this byte is not UTF-8 text", "save the file as UTF-8", line, column)

    def text(self, file: str, text: str) -> None:
        """Read the text of the file of this name."""
        section = None
        for number, line in enumerate(text.split("\n"), 1):
            given = []
            try:
                given = _words(file, line.rstrip("\r"))
                if not given:
                    continue
                if file == "crs.conf" and (opened := _section(given)):
                    section = opened
                    continue
                directive = _directive(file, section, given[0])
                self.settings.append(Setting(directive, _value(directive, given), file, number, given[0].column))
            except Wrong as wrong:
                self.broken.update(word.text for word in given[:1])
                column = wrong.word.column if wrong.word else 1
                self.faults.append(ConfigFault(file, number, column, wrong.what, wrong.remedy))

    def _whole(self, file: str, what: str, remedy: str, line: int = 0, column: int = 0) -> None:
        self.broken.update(directives.of_file(file))
        self.faults.append(ConfigFault(file, line, column, what, remedy))


def _words(file: str, line: str) -> list[Word]:
    given = values.words(line)
    return _assignment(line, given[0]) if given and file == RELAY_FILE else given


def _assignment(line: str, first: Word) -> list[Word]:
    """``NAME=<limit>``, spaces around the = allowed."""
    left, equals, right = line.partition("=")
    name = values.words(left)
    if not equals or len(name) != 1:
        raise Wrong("this is not an assignment", "write NAME=<limit>", first)
    return name + [word._replace(column=word.column + len(left) + 1) for word in values.words(right)]


def _section(given: list[Word]) -> str | None:
    """The section that this line opens, or None for any other line."""
    match = _SECTION.fullmatch(given[0].text)
    if not match:
        return None
    name = (match["bare"] or match["bracket"]).upper()
    if name not in directives.FILES["crs.conf"]:
        raise Wrong(f"there is no section {name}", "write GLOBAL or POOL", given[0])
    if len(given) > 1:
        raise Wrong("a section stands alone in its line", "put what follows into the next line", given[1])
    return name


def _directive(file: str, section: str | None, word: Word) -> Directive:
    here = directives.of_file(file)
    if word.text in here:
        directive = here[word.text]
        if section not in (None, directive.section):
            raise Wrong(
                f"{word.text} does not belong in the section {section}",
                f"move the line below {directive.section}",
                word,
            )
        return directive
    for other in directives.FILES:
        if word.text in directives.of_file(other):
            raise Wrong(f"{word.text} does not belong in this file", f"move the line to {other}", word)
    # A longer or stranger word may be a secret that slipped to the start of its line: it is not repeated.
    shown = word.text if _NAME_SHAPE.fullmatch(word.text) else "this word"
    raise Wrong(f"{shown} is not a directive", _suggestion(file, here, word.text), word)


def _suggestion(file: str, here: dict[str, Directive], written: str) -> str:
    known = {_plain(name): name for name, row in here.items() if not row.obsolete}
    near = difflib.get_close_matches(_plain(written.partition("=")[0].rstrip(":")), known, 1)
    if near:
        return f"did you mean {known[near[0]]}?"
    return f"remove the line; crsd --print-config {file} shows all directives"


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _value(directive: Directive, given: list[Word]) -> object:
    try:
        return directive.parse(given[1:])
    except Wrong as wrong:
        raise Wrong(
            f"{directive.name}: {wrong.what}", wrong.remedy or f"write {directive.usage}", wrong.word or given[0]
        ) from None
