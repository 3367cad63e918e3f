"""From a command line to a row of ACTIONS and its arguments, and every text that is made from that table.

Never here: what an action does, printing. A command line that is wrong is told in one line with the nearest right
word; nothing is ever guessed and carried out.
"""

from typing import NamedTuple

from ..errors import OperatorFault
from .actions import ACTIONS, ARGUMENTS, EVERYWHERE, EXIT_CODES, OPTIONS, Action
from .output import PROGRAM
from .reading import nearest

WIDTH = 120  # of a help text
LONGEST_TERM = 50  # what stands beside its explanation


class UsageFault(OperatorFault):
    """The command line is wrong; exit code 2."""


class HelpAsked(Exception):
    """Not an error: ``str()`` is the text to print."""


class Call(NamedTuple):
    """A command line that is right. ``arguments``: docopt's, such as ``{"<uri>": "+46701234567", "--json": False}``."""

    words: str
    action: Action
    arguments: dict


def parse(argv: list[str]) -> Call:
    """Find the action that ``argv`` (without the program's name) asks for. Raises UsageFault, HelpAsked."""
    words, flags = _split(argv)
    asks_help = "-h" in flags or "--help" in flags
    if not words:
        if asks_help:
            raise HelpAsked(overview())
        if flags == ["--version"]:
            return Call("show version", ACTIONS["show version"], {"--home": None, "--json": False})
        raise UsageFault(f"no action given; see {PROGRAM} --help")
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in ACTIONS), None)
    if name is None:
        if asks_help and len(words) == 1 and family(words[0]):
            raise HelpAsked(overview(words[0]))
        raise _no_such_action(words)
    if asks_help:
        raise HelpAsked(page(name))
    if len(words) > 1 and name == words[0] and family(name) and not positionals(name):  # check, and check slot
        raise _no_such_action(words)
    _check(name, words[len(name.split()) :], flags)
    return Call(name, ACTIONS[name], _arguments(name, argv))


def family(word: str) -> list[str]:
    """The second words of the actions that start with ``word``: ``create`` gives ``account`` and ``sharedSecret``."""
    return [name.split()[1] for name in ACTIONS if name.startswith(word + " ")]


# --- texts ----------------------------------------------------------------------------------------------------------


def overview(first: str | None = None) -> str:
    """All actions (or those that start with the word ``first``), one line each, and the exit codes."""
    names = [name for name in ACTIONS if first in (None, name.split()[0])]
    lines = [f"Usage: {PROGRAM} <action> [options]", "", "Actions:"]
    lines += _two_columns((" ".join((name, *positionals(name))), ACTIONS[name].help) for name in names)
    lines += [
        "",
        "Options:",
        *_two_columns(
            [
                *((head, OPTIONS[head].help) for head in _heads_in(EVERYWHERE)),
                ("--version", ACTIONS["show version"].help),
            ]
        ),
    ]
    lines += ["", f"{PROGRAM} <action> --help tells more about one action.", "", "Exit codes:"]
    lines += _two_columns((str(code), text) for code, text in EXIT_CODES.items())
    return "\n".join(lines)


def page(name: str) -> str:
    """The text of one action, which docopt also reads its arguments by."""
    pattern = _pattern(name)
    lines = [ACTIONS[name].help, "", f"Usage: {PROGRAM} {name} {pattern}", ""]
    arguments = [(argument, ARGUMENTS[argument].help) for argument in positionals(name)]
    if arguments:
        lines += ["Arguments:", *_two_columns(arguments), ""]
    lines += ["Options:", *_two_columns((head, OPTIONS[head].help) for head in _heads_in(pattern))]
    return "\n".join(lines)


def _two_columns(rows) -> list[str]:
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


def _pattern(name: str) -> str:
    return f"{ACTIONS[name].arguments} {EVERYWHERE}".strip()


def positionals(name: str) -> list[str]:
    """The arguments of an action that are no options, in order."""
    return [word for word in ACTIONS[name].arguments.split() if word.startswith("<")]


# --- words and flags ------------------------------------------------------------------------------------------------


def _flags_of(head: str) -> list[str]:
    """The flags that a head of OPTIONS declares: ``-h, --help`` gives both, ``-s SECRET`` gives ``-s``."""
    return [part.split()[0] for part in head.split(", ")]


_OPTION_OF = {flag: option for head, option in OPTIONS.items() for flag in _flags_of(head)}
_TAKES_VALUE = {part.split()[0] for head in OPTIONS for part in head.split(", ") if " " in part}


def _heads_in(pattern: str) -> list[str]:
    """The heads of OPTIONS that a docopt pattern uses, and the one for help."""
    words = pattern.replace("[", " ").replace("]", " ").split()
    return [head for head in OPTIONS if head == "-h, --help" or any(flag in words for flag in _flags_of(head))]


def flags_of(name: str) -> list[str]:
    """Every flag that an action takes."""
    return [flag for head in _heads_in(_pattern(name)) for flag in _flags_of(head)]


def takes_value(flag: str) -> bool:
    """Whether the word behind a flag is its value."""
    return flag in _TAKES_VALUE


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """The words and the flags of a command line, wherever they stand; values of options are neither."""
    words, flags, tokens = [], [], iter(argv)
    for token in tokens:
        if token == "-" or not token.startswith("-"):
            words.append(token)
        else:
            flag = token.split("=")[0] if token.startswith("--") else token[:2]
            flags.append(flag)
            if token == flag and flag in _TAKES_VALUE:
                next(tokens, None)
    return words, flags


def _check(name: str, given: list[str], flags: list[str]) -> None:
    """Raise UsageFault for what docopt would refuse without saying why."""
    known = flags_of(name)
    for flag in flags:
        if flag not in known:
            raise UsageFault(f"{name} has no option {flag}; {nearest(flag, known)}")
    needed = positionals(name)
    if len(given) < len(needed):
        raise _wrong(name, f"{name} needs {needed[len(given)]}")
    if len(given) > len(needed):  # what is too much may be the end of a secret with spaces
        extra = "so many words" if "<shared-secret>" in needed else f"{given[len(needed)]!r:.40}"
        raise _wrong(name, f"{name} takes no {extra}")


def _wrong(name: str, what: str) -> UsageFault:
    return UsageFault(f"{what}; usage: {PROGRAM} {name} {ACTIONS[name].arguments}")


def _arguments(name: str, argv: list[str]) -> dict:
    from docopt import DocoptExit, docopt

    try:
        found = docopt(page(name), argv, default_help=False)
    except DocoptExit:
        raise _wrong(name, "wrong options") from None
    return {argument: _read(argument, value) for argument, value in found.items()}


def _read(argument: str, value):
    declared = ARGUMENTS.get(argument) or _OPTION_OF.get(argument)
    if declared is None or not isinstance(value, str):
        return value
    try:
        return declared.read(value)
    except ValueError as error:
        raise UsageFault(str(error) if argument in ARGUMENTS else f"{argument} {error}") from None


def _no_such_action(words: list[str]) -> UsageFault:
    seconds = family(words[0])
    if seconds and len(words) == 1:
        return UsageFault(f"{words[0]} what? one of: {', '.join(seconds)}")
    if seconds:
        return UsageFault(f"there is no {words[0]} {words[1]}; {nearest(words[1], seconds)}")
    firsts = sorted({name.split()[0] for name in ACTIONS})
    return UsageFault(f"there is no action {words[0]}; {nearest(words[0], firsts)}")
