"""The pictures of the documents: each is what the script beside it makes, and stands alone."""

import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest

DOC = Path(__file__).parents[2] / "doc"
SVG = "{http://www.w3.org/2000/svg}"


def script(folder: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(folder, DOC / folder / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pictures, recording = script("pictures"), script("recording")
FILES = [f"pictures/{name}" for name in pictures.PICTURES] + ["recording/run.svg"]


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_what_its_script_makes(name: str) -> None:
    assert (DOC / "pictures" / name).read_text() == pictures.PICTURES[name]()


def test_the_recording_is_drawn_from_what_was_recorded() -> None:
    assert (DOC / "recording" / "run.svg").read_text() == recording.picture(recording.load())


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_well_formed_small_and_needs_nothing_else(name: str) -> None:
    text = (DOC / name).read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg" and root.find(f"{SVG}title").text
    assert not [element for element in root.iter() if element.tag in (f"{SVG}script", f"{SVG}image", f"{SVG}use")]
    assert "@import" not in text and "@font-face" not in text
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert len(text) < 150_000


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_no_text_leaves_a_picture(name: str) -> None:
    root = ElementTree.fromstring((DOC / "pictures" / name).read_text())
    for text in root.iter(f"{SVG}text"):
        looks, x = text.get("class").split(), float(text.get("x"))
        width = len(text.text) * 6.7  # px, of 11 px monospace; other text is narrower
        left = x - width / 2 if "middle" in looks else x
        assert left > 0 and left + width < int(root.get("width")), text.text


def test_the_recording_is_of_a_run_that_held() -> None:
    pieces = recording.load()
    assert [piece.time for piece in pieces] == sorted(piece.time for piece in pieces)
    text = "".join(piece.text for piece in pieces)
    assert "== 1. A fresh host" in text and text.endswith("\r\nall of it held\r\n")


def test_each_row_of_the_recording_comes_in_its_turn_and_the_end_stays() -> None:
    shown = recording.frames(recording.load())
    assert shown == sorted(shown) and shown[0] == (0.0, 1)
    rows = re.findall("<text", (DOC / "recording" / "run.svg").read_text())
    assert shown[-1][0] == pytest.approx(recording.LENGTH) and shown[-1][1] >= len(rows)


def test_a_pause_is_shortened_and_the_rest_keeps_its_proportion() -> None:
    pieces = [recording.Piece(*piece) for piece in ((0, ""), (0.5, ""), (1.5, ""), (20, ""))]
    first, second, third, last = recording.paced(pieces)
    assert (first, last) == (1, recording.LENGTH)
    assert third - second == pytest.approx(2 * (second - first))
    assert last - third == pytest.approx(recording.LONGEST * 2 * (second - first))


def test_rows_are_those_of_a_terminal() -> None:
    long = "x" * (recording.COLUMNS + 3)
    assert recording.rows("a\tb\r\n" + long) == ["a       b", "x" * recording.COLUMNS, "xxx"]
    with pytest.raises(ValueError):
        recording.rows("\x1b[1mbold")


def test_the_files_on_a_message_s_way_are_there() -> None:
    named = {file for *_, first, second in pictures.WAY for file in re.findall(r"\w+/\w+", f"{first} {second}")}
    assert (
        len(named) > 10 and [file for file in sorted(named) if not (DOC.parent / "crs" / f"{file}.py").is_file()] == []
    )
