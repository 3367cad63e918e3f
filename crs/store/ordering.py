"""An external merge sort: any number of lines in order, in memory that does not grow with them. For lists of clients.

Sorted parts go to a file without a name, which ends with the process, and are then merged. What fits into one part
never leaves memory; where no such file can be written (a full disk), the parts stay in memory, packed.
"""

import heapq
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

PART = 4096  # lines that are sorted at a time
READ = 2048  # bytes of each part in memory while they are merged
DIRECTORY = "/var/tmp"  # unless TMPDIR says otherwise; /tmp may itself be memory


def ordered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Each different line once, in order. A line holds no line feed."""
    lines = iter(lines)
    part = sorted(islice(lines, PART))
    if len(part) < PART:
        yield from _once(part)
        return
    parts, spill = [], _Spill()
    try:
        while part:
            parts.append(spill.put(b"\n".join(part) + b"\n"))
            part = sorted(islice(lines, PART))
        yield from _once(heapq.merge(*parts))
    finally:
        spill.close()


def least(lines: Iterable[bytes], count: int) -> list[bytes]:
    """The first ``count`` of ``ordered(lines)``, without a file."""
    kept: set[bytes] = set()
    for line in lines:
        kept.add(line)
        if len(kept) > 4 * count:
            kept = set(sorted(kept)[:count])
    return sorted(kept)[:count]


def _once(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without those that repeat the line before."""
    before = None
    for line in lines:
        if line != before:
            yield line
        before = line


class _Spill:
    """A file without a name, for parts."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._size = 0
        with suppress(OSError):  # no such place, or its file system has no such files
            self._file = os.open(os.environ.get("TMPDIR") or DIRECTORY, os.O_TMPFILE | os.O_EXCL | os.O_RDWR, 0o600)

    def put(self, text: bytes) -> Iterator[bytes]:
        """Keep the lines of ``text``, each with its line feed; returns them one by one, as they are read."""
        if self._file is not None:
            with suppress(OSError):  # the disk is full
                start, self._size = self._size, self._write(self._file, text)
                return _lines(partial(os.pread, self._file, READ), start, self._size)
        return _lines(lambda at: text[at : at + READ], 0, len(text))

    def _write(self, file: int, text: bytes) -> int:
        """Returns where it ends."""
        at, rest = self._size, memoryview(text)
        while rest:
            written = os.pwrite(file, rest, at)
            at, rest = at + written, rest[written:]
        return at

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)


def _lines(read: Callable[[int], bytes], at: int, end: int) -> Iterator[bytes]:
    """The lines from ``at`` to ``end``; ``read(at)`` gives READ bytes from there, or what there is."""
    begun = b""
    while at < end:
        chunk = read(at)[: end - at]
        at += len(chunk)
        *whole, begun = (begun + chunk).split(b"\n")
        yield from whole
