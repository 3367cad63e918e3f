"""``crs.log`` and ``crs_relay.log``: ``[<Time> | Type | Module(PID)] Information``, one line an event (manual, 6.1).

A line is one write to a file opened for appending, so the lines of several processes never mix. A log that cannot be
written stops nobody: lines are lost and counted, and the count is logged when writing works again. Callers pass no
keys, secrets or plain text of messages; identities of clients are hidden by what ``disguise`` was given. There are no
log levels: the four types are for the reader.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

MAX_TEXT = 8_000  # characters of one line's text; what a peer sent may be in it


class _File:
    """The log file of this process. Before ``setup`` lines go to standard error."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.fd: int | None = None
        self.lost = 0
        self.torn = False

    def append(self, line: bytes) -> None:
        """Write one whole line, reopening a file that was rotated away. Never raises."""
        try:
            fd = self._opened()
            if self.lost:
                self._write(fd, _line("WARN", "log", f"{self.lost} lines before this one could not be written"))
                self.lost = 0
            self._write(fd, line)
        except OSError:
            self.lost += 1

    def _opened(self) -> int:
        """The descriptor to write to. Raises OSError."""
        if self.path is None:
            if sys.__stderr__ is None:  # the process was started with it closed
                raise OSError("there is no standard error")
            return sys.__stderr__.fileno()
        if self.fd is None or not _same_file(self.fd, self.path):
            self.close()
            self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        return self.fd

    def _write(self, fd: int, line: bytes) -> None:
        whole = b"\n" + line if self.torn else line
        self.torn = os.write(fd, whole) < len(whole)
        if self.torn:
            raise OSError("only a part was written")

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None


_FILE = _File()
_hide: Callable[[str], str] | None = None


class Log:
    """What a module logs with. ``text`` may hold anything: what is not printable is escaped."""

    def __init__(self, module: str):
        self.module = module

    def init(self, text: str) -> None:
        """Start and stop of something."""
        _FILE.append(_line("INIT", self.module, text))

    def info(self, text: str) -> None:
        """The normal course."""
        _FILE.append(_line("INFO", self.module, text))

    def warn(self, text: str) -> None:
        """What the operator should look into."""
        _FILE.append(_line("WARN", self.module, text))

    def debug(self, text: str) -> None:
        """What only a developer asks for."""
        _FILE.append(_line("DEBUG", self.module, text))


def setup(path: str | os.PathLike[str], module: str) -> Log:
    """Send this process's lines to the file ``path``, and return the log of ``module``."""
    _FILE.close()
    _FILE.path, _FILE.lost, _FILE.torn = os.fspath(path), 0, False
    return Log(module)


def disguise(hide: Callable[[str], str] | None) -> None:
    """From now on put every text of this process through ``hide`` (``crs.telemetry.tags``) before it is written."""
    global _hide
    _hide = hide


def get(module: str) -> Log:
    """The log of one module; its name is what stands before the process id."""
    return Log(module)


def _line(kind: str, module: str, text: str) -> bytes:
    time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    shown = _printable(_hide(text) if _hide else text)
    return f"[{time} | {kind} | {module}({os.getpid()})] {shown}\n".encode()


def _printable(text: str) -> str:
    """One line of harmless characters: a peer cannot forge a line, nor move the reader's cursor."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _same_file(fd: int, path: str) -> bool:
    try:
        there, here = os.stat(path), os.fstat(fd)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
