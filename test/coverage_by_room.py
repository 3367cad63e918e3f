"""What `make coverage` prints: lines and branches of each room of crs/, and of all; exit code 2 below the floor.

The data is what the run left where pyproject.toml says. ``coverage report`` shows it by file, ``coverage html`` line by
line.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from coverage import Coverage

SETTINGS = Path(__file__).parents[1] / "pyproject.toml"
COUNTS = "num_statements", "covered_lines", "num_branches", "covered_branches"


def main() -> int:
    coverage = Coverage(config_file=str(SETTINGS))
    coverage.load()
    with tempfile.NamedTemporaryFile() as report:
        total = coverage.json_report(outfile=report.name)
        files = json.load(report)["files"]
    rooms: dict[str, Counter] = {}
    for file, measured in files.items():
        counts = {name: measured["summary"][name] for name in COUNTS}
        for room in (str(Path(file).parent) + "/", "all"):
            rooms.setdefault(room, Counter()).update(counts)
    print(f"{'ROOM':<16}{'LINES':>8}{'RUN':>9}{'BRANCHES':>11}{'TAKEN':>9}")
    for room in sorted(rooms, key=lambda room: (room == "all", room)):
        lines, run, branches, taken = (rooms[room][name] for name in COUNTS)
        print(f"{room:<16}{lines:>8}{_percent(run, lines):>9}{branches:>11}{_percent(taken, branches):>9}")
    floor = coverage.get_option("report:fail_under")
    print(
        f"\n{total:.1f}% of lines and branches together; at least {floor:g}% are asked for (pyproject.toml, fail_under)"
    )
    return 2 if total < floor else 0


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "-"


if __name__ == "__main__":
    sys.exit(main())
