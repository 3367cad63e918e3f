"""Completion: what may come next on a command line that is not finished, for the bash script in ``etc/crs``.

``crs-cli --complete "<line so far>"`` prints one candidate a line, names out of the store included; of those, none
while the host cannot be asked.
"""

import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..errors import CrsError
from ..names import Client
from . import typed, usage
from .actions import ACTIONS
from .host import LocalHost
from .options import FORMATS

if TYPE_CHECKING:  # imported where a name out of the store is completed
    from ..store import Store

FILE = "<file>"  # tells the script to complete names of files
MOST = 500  # candidates; a person reads no more

# New names, for which there is nothing to choose from.
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
    found = {word for word in candidates(words[1:], current) if word == FILE or word.startswith(current)}
    behind = current.rfind(":") + 1
    return [word if word == FILE else word[behind:] for word in sorted(found)[:MOST]]


def candidates(before: list[str], current: str) -> Iterable[str]:
    """What may stand behind the words ``before``."""
    line = typed.read(before)
    words, name = line.words, line.action
    if line.waiting is not None:
        return _values(line.waiting, line.waiting, {}, line.home)
    if name is None:
        if current.startswith("-"):
            return ["--help", "--version", "--home"]
        if not words:
            return {action.split()[0] for action in ACTIONS}
        return usage.family(words[0]) if len(words) == 1 else ()
    given = words[len(name.split()) :]
    needed = usage.positionals(name)
    if current.startswith("-"):
        return [flag for flag in usage.flags_of(name) if flag not in line.flags]
    if len(given) >= len(needed):
        return ()
    return _values(name, needed[len(given)], dict(zip(needed, given, strict=False)), line.home)


def _values(name: str, argument: str, given: dict[str, str], home: str | None) -> Iterable[str]:
    if argument in ("<update-file>", "--home"):
        return [FILE]
    look = _LOOKS.get(argument)
    if look is None or (name, argument) in _NEW:
        return ()
    try:
        return look(LocalHost(home).store, name, given)
    except (CrsError, OSError):
        return ()


def _uris(store: "Store", name: str, given: dict[str, str]) -> Iterable[str]:
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


def _authorizations(store: "Store", name: str, given: dict[str, str]) -> Iterable[str]:
    from ..store.operator import AUTHORIZATIONS

    return AUTHORIZATIONS


_LOOKS: dict[str, Callable[["Store", str, dict[str, str]], Iterable[str]]] = {
    "<account-id>": lambda store, name, given: store.accounts.all(),
    "--account": lambda store, name, given: store.accounts.all(),
    "<authorization>": _authorizations,
    "<ip>": lambda store, name, given: store.operator.peers(),
    "<name>": lambda store, name, given: store.operator.admins(),
    "<number>": lambda store, name, given: [number for number, _ in store.operator.rooms()],
    "<uri>": _uris,
    "--uri": _uris,
    "--output-format": lambda store, name, given: FORMATS,
}
