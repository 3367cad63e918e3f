"""``crs.log`` and ``crs_relay.log``: ``[<Time> | Type | Module(PID)] Information``, one line an event (manual, 6.1).

A line is one write to a file opened for appending, so the lines of many processes never mix. A log that cannot be
written stops nobody: lines are lost, counted, and the loss is told when writing works again. Never here: keys,
secrets, plain text of messages (callers pass none), how identities are hidden (``logtags``), and log levels (the four types are for the reader).
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

MAX_TEXT = 8_000  # characters of one line's text; what a peer sent may be in it


class _File:
    """The log file of this process. Before ``setup`` lines go to standard error."""

    def __init__(self):
        self.path: str | None = None
        self.fd: int | None = None
        self.lost = 0
        self.torn = False

    def append(self, line: bytes) -> None:
        """Write one whole line, reopening a file that was rotated away. Never raises."""
        try:
            self._reopen_if_rotated()
            if self.lost:
                self._write(_line("WARN", "log", f"{self.lost} lines before this one could not be written"))
                self.lost = 0
            self._write(line)
        except OSError:
            self.lost += 1

    def _reopen_if_rotated(self) -> None:
        if self.path is None:
            self.fd = sys.__stderr__.fileno()
            return
        if self.fd is not None and _same_file(self.fd, self.path):
            return
        self.close()
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _write(self, line: bytes) -> None:
        whole = b"\n" + line if self.torn else line
        self.torn = os.write(self.fd, whole) < len(whole)
        if self.torn:
            raise OSError("only a part was written")

    def close(self) -> None:
        if self.path is not None and self.fd is not None:
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


def setup(path: str | os.PathLike, module: str) -> Log:
    """Send this process's lines to the file ``path``, and return the log of ``module``."""
    _FILE.close()
    _FILE.path, _FILE.lost, _FILE.torn = os.fspath(path), 0, False
    return Log(module)


def disguise(hide: Callable[[str], str] | None) -> None:
    """From now on put every text of this process through ``hide`` (``logtags``) before it is written."""
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
