"""Completion: what may come next on a command line that is not finished, for the bash script in ``etc/crs``.

``crs-cli --complete "<line so far>"`` prints one candidate a line, names out of the store included, and nothing where
the host cannot be asked. Never here: carrying anything out.
"""

import shlex
from collections.abc import Callable, Iterable

from ..errors import CrsError
from ..names import Client
from ..store.operator import AUTHORIZATIONS
from . import usage
from .actions import ACTIONS, FORMATS
from .host import Host

FILE = "<file>"  # what the script takes for: complete names of files
MOST = 500  # candidates; more are of no use to a person

# Names that an action makes: there is nothing to choose from.
_NEW = {
    ("create account", "<account-id>"),
    ("create admin", "<name>"),
    ("create conference-room", "<number>"),
    ("add iw-crs", "<ip>"),
}


def complete(line: str) -> list[str]:
    """Candidates for the last word of ``line``, each from behind the last colon, as bash replaces it from there."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quotation that is not closed
        return []
    current = words.pop() if words and not line[-1].isspace() else ""
    found = [one for one in candidates(words[1:], current) if one == FILE or one.startswith(current)]
    behind = current.rfind(":") + 1
    return [one if one == FILE else one[behind:] for one in sorted(set(found))[:MOST]]


def candidates(before: list[str], current: str) -> Iterable[str]:
    """What may stand behind the words ``before``."""
    words, waiting, home = _read(before)
    if waiting is not None:
        return _values(waiting, waiting, {}, current, home)
    name = next((name for name in (" ".join(words[:2]), *words[:1]) if name in ACTIONS), None)
    if name is None:
        if current.startswith("-"):
            return ["--help", "--version", "--home"]
        if not words:
            return {action.split()[0] for action in ACTIONS}
        return usage.family(words[0]) if len(words) == 1 else ()
    given = words[len(name.split()) :]
    needed = usage.positionals(name)
    if current.startswith("-"):
        return [flag for flag in usage.flags_of(name) if flag not in before]
    if len(given) >= len(needed):
        return ()
    return _values(name, needed[len(given)], dict(zip(needed, given, strict=False)), current, home)


def _read(before: list[str]) -> tuple[list[str], str | None, str | None]:
    """The words without options, the option whose value comes next, and the value of ``--home``."""
    words, waiting, home = [], None, None
    for word in before:
        if waiting is not None:
            home = word if waiting == "--home" else home
            waiting = None
        elif usage.takes_value(word):
            waiting = word
        elif not word.startswith("-"):
            words.append(word)
    return words, waiting, home


def _values(name: str, argument: str, given: dict[str, str], current: str, home: str | None) -> Iterable[str]:
    if argument in ("<update-file>", "--home"):
        return [FILE]
    look = _LOOKS.get(argument)
    if look is None or (name, argument) in _NEW:
        return ()
    try:
        return look(Host(home).store, name, given)
    except (CrsError, OSError):
        return ()


def _uris(store, name: str, given: dict[str, str]) -> Iterable[str]:
    """Of the account that was given, who can be meant; else everybody who is attached."""
    account = given.get("<account-id>")
    if account is None:
        return [client.uri for client, _ in store.directory.attached()]
    if name == "blacklist remove":
        return [client.uri for client in store.operator.blocked() if client.account == account]
    if name == "delete conference-room":
        return [
            owner.uri
            for number, owner in store.operator.rooms()
            if owner == Client(owner.uri, account) and number == given["<number>"]
        ]
    listed = [update.uris for update in store.accounts.updates() if update.account == account]
    return store.objects.all_observed(account).union(*listed)


_LOOKS: dict[str, Callable] = {
    "<account-id>": lambda store, name, given: store.accounts.all(),
    "--account": lambda store, name, given: store.accounts.all(),
    "<authorization>": lambda store, name, given: AUTHORIZATIONS,
    "<ip>": lambda store, name, given: store.operator.peers(),
    "<name>": lambda store, name, given: store.operator.admins(),
    "<number>": lambda store, name, given: [number for number, _ in store.operator.rooms()],
    "<uri>": _uris,
    "--uri": _uris,
    "--output-format": lambda store, name, given: FORMATS,
}
