"""Lines in order: the same as sorting them all, with parts in a file or, where there is none, in memory."""

import os
import random
import subprocess
import sys

import pytest

from crs.store import ordering
from crs.store.ordering import PART, least, ordered

LINES = [b"%d %s" % (number, b"x" * (number % 37)) for number in range(3 * PART + 7)]
random.Random(4).shuffle(LINES)


@pytest.mark.parametrize("count", [0, 1, PART - 1, PART, PART + 1, len(LINES)])
def test_each_line_once_in_order(count):
    assert list(ordered(LINES[:count])) == sorted(LINES[:count])
    assert list(ordered(LINES[:count] * 2)) == sorted(LINES[:count])


def test_a_line_longer_than_what_is_read_at_a_time():
    lines = [*LINES, *(b"%d" % number * ordering.READ for number in range(9))]
    assert list(ordered(lines)) == sorted(lines)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    files = len(os.listdir("/proc/self/fd"))
    lines = ordered(LINES)
    assert next(lines) == min(LINES)
    assert list(tmp_path.iterdir()) == [] and len(os.listdir("/proc/self/fd")) == files + 1
    lines.close()  # the reader has enough
    assert len(os.listdir("/proc/self/fd")) == files


def test_few_lines_need_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", None)
    assert list(ordered(LINES[: PART - 1])) == sorted(LINES[: PART - 1])


def test_without_a_place_for_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    assert list(ordered(LINES)) == sorted(LINES)


def test_a_disk_that_is_full_after_the_first_part():
    limit = sum(map(len, LINES[:PART])) + 2 * PART
    code = (
        "import resource, sys; from test.store.test_ordering import LINES, ordered\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "sys.exit(list(ordered(LINES)) != sorted(LINES))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize("count", [1, 50, len(LINES)])
def test_the_least(count):
    assert least(LINES * 2, count) == sorted(LINES)[:count]
