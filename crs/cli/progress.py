"""Progress of long work: a count on standard error, where that is a terminal; nothing in a pipe."""

import os
import sys
import time

EVERY = 0.1  # seconds from one update of the line to the next


class Progress:
    """``with Progress("clients purged") as progress: … progress.at(count)``; the line is erased at the end."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what = what
        self._total = "" if total is None else f" of {total}"
        self._shown_at = time.monotonic()
        self._shown = False
        self._visible = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def __enter__(self) -> "Progress":
        return self

    def at(self, count: int) -> None:
        """Show how far the work is; every EVERY seconds at most."""
        if self._visible and time.monotonic() - self._shown_at >= EVERY:
            self._show(f"{count}{self._total} {self._what}")

    def step(self, text: str) -> None:
        """Show what is being done."""
        if self._visible:
            self._show(text)

    def __exit__(self, *raised: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _show(self, text: str) -> None:
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        self._shown_at, self._shown = time.monotonic(), True
