"""What every connection to a Redis offers: commands, batches, scripts, walks, and errors as classes of this project.

The connections themselves are in ``pipe`` (for the workers) and ``direct`` (for the command line); keys are named in
``schema``.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import hiredis

from ..errors import CrsError, Unavailable
from . import schema
from .ordering import ordered
from .resp import Command, pack

PAGE = 500  # keys, or fields, of one round trip

# Also inside the text: before release 7 an error in a script comes wrapped in "ERR Error running script".
_PASSING = re.compile(r"\b(OOM|LOADING|MISCONF|READONLY|BUSY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN)\b")

Key = TypeVar("Key")
Part = str | bytes | int  # of a command


def _walk(step: Callable[[bytes], Any]) -> Iterator[bytes]:
    """All that a command of the SCAN family finds; ``step(cursor)`` carries it out."""
    cursor = b"0"
    while True:
        cursor, found = step(cursor)
        yield from found
        if cursor == b"0":
            return


def pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Field and value of a hash, from the flat list that Redis gives."""
    return zip(flat[::2], flat[1::2], strict=True)


def _read_scripts() -> dict[str, bytes]:
    """Name and source of every script in ``lua/``; the functions of ``_NAME.lua`` go in front of who uses NAME."""
    folder = Path(__file__).with_name("lua")
    shared = {path.stem[1:].encode() + b"(": path.read_bytes() for path in sorted(folder.glob("_*.lua"))}
    sources = {path.stem: path.read_bytes() for path in sorted(folder.glob("[!_]*.lua"))}
    return {
        name: b"".join([text for call, text in shared.items() if call in source] + [source])
        for name, source in sources.items()
    }


SCRIPTS = _read_scripts()


class RedisError(CrsError):
    """Redis refused a command: a mistake in this code, whose text is not for clients."""


class Commands(ABC):
    """A connection to the Redis at the socket ``path``. ``name`` says in errors which Redis it is; ``scripts`` maps a
    name to Lua source. ``connects`` counts the connections so far: at each but the first, what was told may be lost.

    A result is what hiredis gives: bytes, int, None or a list of those. Every call raises Unavailable when Redis did
    not answer or cannot serve now (nothing was acknowledged; the command may or may not have been carried out),
    RedisError when it refused.
    """

    def __init__(self, path: str | Path, name: str, scripts: Mapping[str, bytes]):
        self.path = str(path)
        self.name = name
        self.connects = 0
        self._sources = {hashlib.sha1(source).hexdigest(): source for source in scripts.values()}
        self._digests = {script: hashlib.sha1(source).hexdigest() for script, source in scripts.items()}

    @abstractmethod
    def tell(self, *command: Part) -> None:
        """Send a command whose result nobody needs: never raises; where Redis is away it is lost. For hints."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection; whoever waits for a result gets Unavailable."""

    @abstractmethod
    def _exchange(self, packed: bytes, count: int) -> list[Any]:
        """Send packed commands, return their ``count`` replies in order. Raises Unavailable."""

    def call(self, *command: Part) -> Any:
        """One command, its result."""
        result = self._exchange(pack(command), 1)[0]
        if isinstance(result, hiredis.ReplyError):
            result = self._recover(command, str(result))
        if isinstance(result, CrsError):
            raise result
        return result

    def calls(self, commands: Sequence[Command]) -> list[Any]:
        """Many commands in one round trip, carried out in order though not as one: others may come between.

        Where a command fails, its error stands in the list, and the later ones are carried out all the same.
        """
        if not commands:
            return []  # a place in the queue that no answer ever fills would hold up all behind it
        results = self._exchange(b"".join([pack(command) for command in commands]), len(commands))
        for place, result in enumerate(results):
            if isinstance(result, hiredis.ReplyError):
                results[place] = self._recover(commands[place], str(result))
        return results

    def all(self, commands: Sequence[Command]) -> list[Any]:
        """As ``calls``, but the first error is raised."""
        results = self.calls(commands)
        for result in results:
            if isinstance(result, CrsError):
                raise result
        return results

    def script(self, name: str, keys: Iterable[str | bytes], arguments: Iterable[Part] = ()) -> Any:
        """Run a script: one atomic step."""
        return self.call(*self.evalsha(name, keys, arguments))

    def evalsha(self, name: str, keys: Iterable[str | bytes], arguments: Iterable[Part] = ()) -> Command:
        """The command that runs a script, for ``calls``."""
        keys = tuple(keys)
        return ("EVALSHA", self._digests[name], len(keys), *keys, *arguments)

    def info(self, section: str) -> dict[str, str]:
        """What the server says of itself: INFO of one section. Raises Unavailable."""
        lines = self.call("INFO", section).decode(errors="replace").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    # --- walks: none needs more memory where there is more to walk -------------------------------------------------

    def keys(self, pattern: str) -> Iterator[bytes]:
        """Every key that matches, in no order; a key may come twice while Redis resizes its tables."""
        return _walk(lambda cursor: self.call("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE))

    def members(self, key: str) -> Iterator[bytes]:
        """The members of a set; likewise."""
        return _walk(lambda cursor: self.call("SSCAN", key, cursor, "COUNT", PAGE))

    def fields(self, key: str) -> Iterator[bytes]:
        """The fields of a hash, without their values; likewise."""
        return _walk(lambda cursor: self.script("fields", (key,), (cursor, PAGE)))

    def of_each(self, keys: Iterable[Key], command: Callable[[Key], Command]) -> Iterator[tuple[Key, Any]]:
        """Each of ``keys`` with the result of ``command(key)``; a round trip for some hundred of them."""
        keys = iter(keys)
        while page := list(islice(keys, PAGE)):
            yield from zip(page, self.all([command(key) for key in page]), strict=True)

    def each(self, pattern: str, command: Callable[[bytes], Command]) -> Iterator[tuple[bytes, Any]]:
        """Every key that matches, as ``keys``, with the result of ``command(key)``."""
        return self.of_each(self.keys(pattern), command)

    def each_client(self, pattern: str, command: Callable[[bytes], Command]) -> Iterator[tuple[bytes, Any]]:
        """As ``each``, of keys that carry a client: once, in the order of the clients."""
        lines = ordered(map(schema.line_of, self.keys(pattern)))
        return self.of_each(map(schema.key_of, lines), command)

    # --- errors -----------------------------------------------------------------------------------------------------

    def _recover(self, command: Command, text: str) -> Any:
        """The result of a command that Redis answered with an error: of a second try, or the error as a class."""
        if text.startswith("NOSCRIPT"):
            with_source = pack(("EVAL", self._sources[str(command[1])], *command[2:]))
            result = self._exchange(with_source, 1)[0]
            if not isinstance(result, hiredis.ReplyError):
                return result
            text = str(result)
        passing = _PASSING.search(text)
        if passing:
            return Unavailable(f"{self.name} cannot serve now ({passing[1]})")
        return RedisError(f"{self.name}: {text:.200}")
