"""Plays every dialogue file against a real host."""

from pathlib import Path

import pytest

from . import Dialogue

FILES = sorted(Path(__file__).parent.glob("*.dialogue"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dialogue(path, host, domains):
    Dialogue(path.read_text(), host, domains).play()
