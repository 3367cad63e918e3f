"""The log: the manual's line, whole lines from many writers, and no harm from a disk or a peer."""

import multiprocessing
import os
import re
import stat
import time
from datetime import UTC, datetime, timedelta

import pytest

from crs import log

LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \| (DEBUG|INFO|WARN|INIT) \| (\S+)\((\d+)\)\] (.*)")


@pytest.fixture(autouse=True)
def own_file(monkeypatch):
    """A log of this test's own, whatever the process has set up."""
    monkeypatch.setattr(log, "_FILE", log._File())


def lines(path) -> list[tuple]:
    """Type, module, pid and text of every line; each must have the manual's form."""
    found = [LINE.fullmatch(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(found)
    return [match.groups() for match in found]


def test_the_manuals_form(tmp_path):
    own = log.setup(tmp_path / "crs.log", "attach")
    own.init("started")
    log.get("relay").info("told")
    own.warn("look")
    own.debug("deep")
    pid = str(os.getpid())
    assert lines(tmp_path / "crs.log") == [
        ("INIT", "attach", pid, "started"),
        ("INFO", "relay", pid, "told"),
        ("WARN", "attach", pid, "look"),
        ("DEBUG", "attach", pid, "deep"),
    ]


@pytest.fixture
def tokyo(monkeypatch):
    """A machine whose clock shows nine hours more than UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


def test_time_is_utc(tmp_path, tokyo):
    log.setup(tmp_path / "crs.log", "m").info("x")
    written = datetime.fromisoformat((tmp_path / "crs.log").read_text()[1:24]).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - written) < timedelta(hours=1)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("two\nlines", r"two\nlines"),
        ("\r\x1b[2Jcleared", r"\r\x1b[2Jcleared"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("nul\0", r"nul\x00"),
        ("half \ud800", r"half \ud800"),
        ("line\u2028separator", r"line\u2028separator"),
        ("åäö 漢字", "åäö 漢字"),
        ("x" * 9000, "x" * log.MAX_TEXT + "…"),
    ],
)
def test_a_text_is_one_harmless_line(tmp_path, text, shown):
    log.setup(tmp_path / "crs.log", "m").info(text)
    assert [line[3] for line in lines(tmp_path / "crs.log")] == [shown]


def write_many(path, name, count):
    own = log.setup(path, name)
    for number in range(count):
        own.info(f"{number} " + name * 200)


def test_lines_of_many_processes_stay_whole(tmp_path):
    path = tmp_path / "crs.log"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(path, name, 300)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    found = lines(path)
    for name in "abcd":
        assert [text for _, module, _, text in found if module == name] == [
            f"{number} " + name * 200 for number in range(300)
        ]


def test_rotation_is_followed(tmp_path):
    path = tmp_path / "crs.log"
    own = log.setup(path, "m")
    own.info("before")
    path.rename(tmp_path / "crs.log.1")
    own.info("after")
    assert [line[3] for line in lines(tmp_path / "crs.log.1")] == ["before"]
    assert [line[3] for line in lines(path)] == ["after"]


def test_only_the_owner_and_group_may_read(tmp_path):
    before = os.umask(0)
    try:
        log.setup(tmp_path / "crs.log", "m").info("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "crs.log").stat().st_mode) == 0o640


def test_lost_lines_are_counted_and_told(tmp_path):
    path = tmp_path / "gone" / "crs.log"
    own = log.setup(path, "m")
    own.info("one")
    own.info("two")
    path.parent.mkdir()
    own.info("three")
    own.info("four")
    assert [line[3] for line in lines(path)] == ["2 lines before this one could not be written", "three", "four"]


def test_a_full_disk_stops_nobody():
    own = log.setup("/dev/full", "m")
    own.info("nobody can write this")
    own.info("nor this")
    assert log._FILE.lost == 2


def test_a_torn_line_is_ended_before_the_next(tmp_path, monkeypatch):
    """A disk that takes half a line, then nothing, then all."""
    path = tmp_path / "crs.log"
    own = log.setup(path, "m")
    real_write, room = os.write, [10, 0]

    def write(fd, data):
        return real_write(fd, data[: room.pop(0)] if room else data)

    monkeypatch.setattr(os, "write", write)
    own.info("torn")
    own.info("lost")
    own.info("whole")
    text = path.read_text().splitlines()
    assert len(text[0]) == 10
    assert [LINE.fullmatch(line)[4] for line in text[1:]] == ["2 lines before this one could not be written", "whole"]
