"""The grammar of crs-cli, and every text that is made from it.

The usage text of the actions is made from ACTIONS, docopt reads the command line by it, and the commands in docopt's
result name the row. A command line that docopt refuses is explained in one line with the nearest right word; nothing is
ever guessed and carried out.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from docopt import DocoptExit, docopt

from ..errors import OperatorFault
from . import typed
from .actions import ACTIONS, EXIT_CODES, Action, Arguments
from .options import EVERYWHERE, OPTIONS, Parameter
from .output import PROGRAM
from .reading import nearest

WIDTH = 120  # of a help text
LONGEST_TERM = 50  # what stands beside its explanation


class UsageFault(OperatorFault):
    """The command line is wrong; exit code 2."""


class HelpAsked(Exception):
    """Not an error: ``str()`` is the text to print."""


class CommandLine(NamedTuple):
    """A command line that is right: the name of its row in ACTIONS, the row, and its arguments."""

    name: str
    action: Action
    arguments: Arguments


def parse(argv: list[str]) -> CommandLine:
    """Find the action that ``argv`` (without the program's name) asks for. Raises UsageFault, HelpAsked."""
    if argv == ["--version"]:
        argv = ["show", "version"]
    # A row whose words are not all there cannot match; leaving it out saves docopt most of its work.
    names = [name for name in ACTIONS if all(word in argv for word in name.split())]
    found = _matched(names, argv)
    if found is None:
        raise _explained(argv)
    commands = {key for key, value in found.items() if value is True and key[0] not in "<-"}
    name = next(name for name in names if set(name.split()) == commands)
    keys = [*positionals(name), *(key for key in found if key.startswith("-"))]
    return CommandLine(name, ACTIONS[name], {key: _read(key, found[key]) for key in keys})


def _matched(names: list[str], argv: list[str]) -> dict[str, Any] | None:
    """What docopt found by the usage of the actions ``names``; None for a command line that none of them allows."""
    if not names:
        return None
    try:
        found = docopt(f"{_usage(names)}\n\n{_options(names)}", argv, default_help=False)
    except DocoptExit:
        return None
    # docopt completes an option that is cut short, and takes -1 for an argument: both are slips here.
    whole = {token.partition("=")[0] for token in argv}
    for key, value in found.items():
        if key.startswith("--") and value not in (None, False) and key not in whole:
            return None
        if key.startswith("<") and value is not None and value.startswith("-") and value != "-":
            return None
    return found


def _read(key: str, value: Any) -> Any:
    """The value of an argument or option, by its reader."""
    if not isinstance(value, str):
        return value
    if key.startswith("-"):
        try:
            return _option(key).read(value)
        except ValueError as error:
            raise UsageFault(f"{key} {error}") from None
    from .arguments import ARGUMENTS  # takes long to import

    try:
        return ARGUMENTS[key].read(value)
    except ValueError as error:
        raise UsageFault(str(error)) from None


def _option(flag: str) -> Parameter:
    return next(option for head, option in OPTIONS.items() if flag in typed.flags_in(head))


# --- texts ----------------------------------------------------------------------------------------------------------


def overview(first: str | None = None) -> str:
    """All actions (or those that start with the word ``first``), one line each, and the exit codes."""
    names = [name for name in ACTIONS if first in (None, name.split()[0])]
    lines = [f"Usage: {PROGRAM} <action> [options]", "", "Actions:"]
    lines += _two_columns((" ".join((name, *positionals(name))), ACTIONS[name].help) for name in names)
    options = [(head, OPTIONS[head].help) for head in _heads_in(EVERYWHERE)]
    lines += ["", "Options:", *_two_columns([*options, ("--version", ACTIONS["show version"].help)])]
    lines += ["", f"{PROGRAM} <action> --help tells more about one action.", "", "Exit codes:"]
    lines += _two_columns((str(code), text) for code, text in EXIT_CODES.items())
    return "\n".join(lines)


def page(name: str) -> str:
    """The help text of one action."""
    from .arguments import ARGUMENTS

    parts = [ACTIONS[name].help, _usage([name]), _options([name])]
    if positionals(name):
        explained = _two_columns((argument, ARGUMENTS[argument].help) for argument in positionals(name))
        parts.insert(2, "\n".join(("Arguments:", *explained)))
    return "\n\n".join(parts)


def _usage(names: Iterable[str]) -> str:
    """The grammar of some actions, for people and for docopt."""
    return "Usage: " + "\n       ".join(f"{PROGRAM} {name} {_pattern(name)}" for name in names)


def _options(names: Iterable[str]) -> str:
    heads = _heads_in(" ".join(map(_pattern, names)))
    return "\n".join(("Options:", *_two_columns((head, OPTIONS[head].help) for head in heads)))


def _two_columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Terms and what they mean; a term too long for its column has a line of its own, a long text goes on below."""
    import textwrap

    rows = list(rows)
    width = max((len(left) for left, _ in rows if len(left) <= LONGEST_TERM), default=LONGEST_TERM)
    lines = []
    for left, right in rows:
        first, *more = textwrap.wrap(right, WIDTH - width - 4, break_on_hyphens=False)
        lines += [f"  {left:{width}}  {first}"] if len(left) <= width else [f"  {left}", f"  {'':{width}}  {first}"]
        lines += [f"  {'':{width}}  {text}" for text in more]
    return lines


# --- parts of a row -------------------------------------------------------------------------------------------------


def _pattern(name: str) -> str:
    return f"{ACTIONS[name].arguments} {EVERYWHERE}".strip()


def positionals(name: str) -> list[str]:
    """The arguments of an action that are no options, in order."""
    return [word for word in ACTIONS[name].arguments.split() if word.startswith("<")]


def flags_of(name: str) -> list[str]:
    """Every flag that an action takes."""
    return [flag for head in _heads_in(_pattern(name)) for flag in typed.flags_in(head)]


def _heads_in(pattern: str) -> list[str]:
    """The heads of OPTIONS that a docopt pattern uses, and the one for help."""
    words = pattern.replace("[", " ").replace("]", " ").split()
    return [head for head in OPTIONS if head == "-h, --help" or any(flag in words for flag in typed.flags_in(head))]


def family(word: str) -> list[str]:
    """The second words of the actions that start with ``word``: ``create`` gives ``account`` and ``sharedSecret``."""
    return [name.split()[1] for name in ACTIONS if name.startswith(word + " ")]


# --- a command line that is refused ---------------------------------------------------------------------------------


def _explained(argv: list[str]) -> UsageFault | HelpAsked:
    """What to tell about a command line that docopt refused: the help that it asks for, or what is wrong with it."""
    line = typed.read(argv)
    words, name = line.words, line.action
    if not words:
        return HelpAsked(overview()) if line.asks_help else UsageFault(f"no action given; see {PROGRAM} --help")
    if name is None:
        if line.asks_help and len(words) == 1 and family(words[0]):
            return HelpAsked(overview(words[0]))
        return _no_such_action(words)
    if line.asks_help:
        return HelpAsked(page(name))
    if len(words) > 1 and name == words[0] and family(name) and not positionals(name):  # check, and check slot
        return _no_such_action(words)
    return _wrong_arguments(name, words[len(name.split()) :], line.flags)


def _no_such_action(words: list[str]) -> UsageFault:
    seconds = family(words[0])
    if seconds and len(words) == 1:
        return UsageFault(f"{words[0]} what? one of: {', '.join(seconds)}")
    if seconds:
        return UsageFault(f"there is no {words[0]} {words[1]}; {nearest(words[1], seconds)}")
    firsts = sorted({name.split()[0] for name in ACTIONS})
    return UsageFault(f"there is no action {words[0]}; {nearest(words[0], firsts)}")


def _wrong_arguments(name: str, given: list[str], flags: list[str]) -> UsageFault:
    known, needed = flags_of(name), positionals(name)
    for flag in flags:
        if flag not in known:
            return UsageFault(f"{name} has no option {flag}; {nearest(flag, known)}")
    what = "wrong options"
    if len(given) < len(needed):
        what = f"{name} needs {needed[len(given)]}"
    elif len(given) > len(needed):  # what is too much may be the end of a secret with spaces
        what = f"{name} takes no " + ("so many words" if "<shared-secret>" in needed else f"{given[len(needed)]!r:.40}")
    return UsageFault(f"{what}; usage: {PROGRAM} {name} {ACTIONS[name].arguments}")
