"""Progress of long work, on a terminal and in a pipe."""

import io
import sys

import pytest

from crs.cli.progress import Progress


@pytest.fixture
def standard_error(monkeypatch):
    def give(terminal: bool) -> io.StringIO:
        monkeypatch.setenv("TERM", "xterm")
        err = io.StringIO()
        err.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stderr", err)
        return err

    return give


def test_progress_is_shown_on_a_terminal_and_taken_away(standard_error):
    err = standard_error(True)
    with Progress("clients", 9) as progress:
        progress.step("reading")
        progress._shown_at -= 1
        progress.at(7)
        progress.at(8)  # too soon after the one before
    assert err.getvalue() == "\r\x1b[Kreading\r\x1b[K7 of 9 clients\r\x1b[K"


def test_progress_is_silent_in_a_pipe(standard_error):
    err = standard_error(False)
    with Progress("clients") as progress:
        progress.step("reading")
        progress._shown_at -= 1
        progress.at(7)
    assert err.getvalue() == ""
