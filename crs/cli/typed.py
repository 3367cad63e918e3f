"""A command line as it was typed, right or not: what an explanation of a fault and a completion are made from.

What a right command line means is docopt's to say (``usage``).
"""

from collections.abc import Iterable
from typing import NamedTuple

from .actions import ACTIONS
from .options import OPTIONS

HELP = {"-h", "--help"}


def flags_in(head: str) -> list[str]:
    """The flags that a head of OPTIONS declares: ``-h, --help`` gives both, ``-s SECRET`` gives ``-s``."""
    return [part.split()[0] for part in head.split(", ")]


_TAKES_VALUE = {part.split()[0] for head in OPTIONS for part in head.split(", ") if " " in part}


class Typed(NamedTuple):
    """``words`` and ``flags`` in their order, wherever they stand; values of options are neither. ``waiting``: the flag
    at the end whose value is missing; ``home``: the value of ``--home``."""

    words: list[str]
    flags: list[str]
    waiting: str | None
    home: str | None

    @property
    def action(self) -> str | None:
        """The name of the action that the words begin with."""
        return next((name for name in (" ".join(self.words[:2]), *self.words[:1]) if name in ACTIONS), None)

    @property
    def asks_help(self) -> bool:
        return not HELP.isdisjoint(self.flags)


def read(tokens: Iterable[str]) -> Typed:
    """Tell words, flags and values apart, by the options of all actions."""
    words, flags, waiting, home = [], [], None, None
    for token in tokens:
        if waiting is not None:
            home = token if waiting == "--home" else home
            waiting = None
        elif token == "-" or not token.startswith("-"):
            words.append(token)
        else:
            flag, equals, value = token.partition("=") if token.startswith("--") else (token[:2], "", "")
            flags.append(flag)
            if flag == "--home" and equals:
                home = value
            elif token == flag and flag in _TAKES_VALUE:
                waiting = flag
    return Typed(words, flags, waiting, home)
