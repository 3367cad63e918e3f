"""Plays every transcript against a real host; together they have every line of the manual's chapter 5."""

from pathlib import Path

import pytest

from crs.cli.actions import ACTIONS

from . import Transcript

FILES = sorted(Path(__file__).parent.glob("*.transcript"))


@pytest.fixture(scope="module")
def values(host, domains, tmp_path_factory):
    """What ``$name`` stands for in all transcripts."""
    domain, folder = domains["acme"], tmp_path_factory.mktemp("updates")
    month, = domain.months
    again = folder / "again.upd"
    again.write_bytes(domain.update(month))
    return {"home": host.home, "again": again, "secret": domain.secret,
            "acme_path": host.home / "accounts" / "acme", "version": __import__("crs").__version__}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path, host, domains, values):
    Transcript(path.read_text(), host, domains, values).play()
