"""``run/processes.json``: the processes of a host that runs, as its supervisor lists them for the other programs."""

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from crs import names
from crs.home import files
from crs.home.paths import Home


class Running(NamedTuple):
    """One process. ``process`` is its name in ``crs.daemon.processes``; ``number``, from 0, says which of several."""

    process: str
    pid: int
    number: int | None = None

    @property
    def name(self) -> str:
        """Its name for an operator, which no other process of this host has."""
        return names.numbered(self.process, self.number)


def write(home: Home, processes: Iterable[Running]) -> None:
    """Replace the list. Raises OperatorFault."""
    rows = []
    for name, pid, number in processes:
        rows.append({"process": name, **({} if number is None else {"index": number}), "pid": pid})
    files.write(home.processes, json.dumps(rows) + "\n", 0o644)


def read(home: Home) -> list[Running]:
    """Those of the list that live; none where there is no list. Raises OSError where it cannot be read."""
    try:
        rows = json.loads(home.processes.read_text())
    except (FileNotFoundError, ValueError):
        return []
    listed = [Running(row["process"], row["pid"], row.get("index")) for row in rows]
    return [process for process in listed if _lives(process.pid)]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True
