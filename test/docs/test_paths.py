"""Files that documents name exist, and the tour names every source file of the package."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "bench/README.md", "doc/tour.md", "doc/relay.md", "doc/operations.md")
] + sorted((ROOT / "doc" / "decisions").glob("*.md"))
SOURCES = (".py", ".c", ".h")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_exist(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"`((?:crs|bin|bench|demo|doc|etc|test)/[\w./-]*)`", text)
    missing = [path for path in named if not (ROOT / path).exists()]
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing += [path for path in linked if not (document.parent / path).exists()]
    assert not missing


def test_the_tour_has_every_source_file_in_its_room() -> None:
    listed = set()
    for section in re.split(r"^### ", (ROOT / "doc" / "tour.md").read_text(), flags=re.MULTILINE):
        room = re.match(r"`(crs/[\w/]*)`: ", section)
        if room is not None:
            names = re.findall(r"^- `([\w.]+)`: ", section, re.MULTILINE)
            names += re.findall(r"`([\w.]+)`", section.partition("Each of the others")[2])
            listed |= {room[1] + name for name in names}
    there = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "crs").rglob("*")
        if path.suffix in SOURCES and path.name[0] != "_" and path.stat().st_size
    }
    listed = {path for path in listed if not path.endswith("/__init__.py")}
    assert (sorted(listed - there), sorted(there - listed)) == ([], [])
