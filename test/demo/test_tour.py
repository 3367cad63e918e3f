"""``make run`` from outside: it ends with 0 when all of it held, and names the step that failed when not."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .. import canary
from ..hosts import ROOT, wait_for

PLACE = ROOT / ".tour"


class Tour:
    """One run; ``until(text)`` waits until it has said that."""

    def __init__(self, tmp_path: Path):
        self.output = tmp_path / "tour.out"
        with open(self.output, "w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo.tour"],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "CRS_TOUR_PATIENCE": "12"},
            )

    def text(self) -> str:
        return self.output.read_text()

    def until(self, text: str) -> None:
        wait_for(lambda: text in self.text() or self.process.poll() is not None, f"{text!r} is said", patience=60)
        assert text in self.text(), self.text()

    def end(self) -> int:
        wait_for(lambda: self.process.poll() is not None, "the tour ends", patience=240)
        return self.process.returncode

    @property
    def home(self) -> Path:
        return PLACE / self.text().split("--init .tour/")[1].split("/")[0] / "crs"

    def pid(self, name: str, index: int | None = None) -> int:
        rows = json.loads((self.home / "run" / "processes.json").read_text())
        return next(row["pid"] for row in rows if (row["process"], row.get("index")) == (name, index))


@pytest.fixture
def tour(tmp_path):
    started = Tour(tmp_path)
    yield started
    if started.process.poll() is None:
        started.process.send_signal(signal.SIGINT)
        started.process.wait(60)


def test_all_of_it_holds(tour):
    assert tour.end() == 0, tour.text()
    said = tour.text()
    assert "all of it held" in said and "6 of 6, in order" in said and "0 lost" in said
    for element in ("attach", "session", "message", "relay", "relays"):
        assert f"$ bin/crs-cli show {element}" in said


@pytest.mark.parametrize(
    "name, index, step",
    [
        ("crs_relay", None, "4. A call"),
        ("app:attach", 0, "3. Messages"),
    ],
)
def test_a_stopped_process_fails_the_step_that_needs_it(tour, name, index, step):
    tour.until("$ bin/crs-cli show updates")
    home, pid = tour.home, tour.pid(name, index)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: "== Summary" in tour.text() or "== 5." in tour.text(), "the outcome", patience=200)
    finally:
        with contextlib.suppress(ProcessLookupError):  # crsd ended it, stopped as it was
            os.kill(pid, signal.SIGCONT)
    assert tour.end() != 0
    assert f"FAILED in step '{step}" in tour.text(), tour.text()
    assert canary.leaks(home.parent) == []
    shutil.rmtree(home.parent)
