"""The sample files are the installed ones, and say of each directive what holds without it."""

import re
from pathlib import Path

import pytest

from crs.config import directives
from crs.config.samples import sample
from crs.config.settings import load
from crs.home.paths import NOTIFY_SH

from .writing import GOOD, write

SAMPLES = Path(__file__).parents[2] / "etc" / "crs"


@pytest.mark.parametrize("file", directives.FILES)
def test_installed_samples_come_from_the_table(file):
    assert (SAMPLES / file).read_text(encoding="utf-8") == sample(file)


def test_installed_notify_script():
    assert (SAMPLES / "notify.sh").read_text(encoding="utf-8") == NOTIFY_SH


def test_samples_uncommented_change_nothing(tmp_path):
    """A line of a sample, with its # taken away, says what holds without it."""
    samples = {}
    for file in directives.FILES:
        text = sample(file)
        for row in directives.of_file(file).values():
            if row.default is not None and not row.repeats:
                text = re.sub(rf"^#({row.name}\b.*)$", r"\1", text, flags=re.MULTILINE)
        samples[file] = text
    changed = load(write(tmp_path, {file: text + GOOD[file] for file, text in samples.items()}))
    assert len(changed.settings) > len(directives.DIRECTIVES) - 12
    plain = load(write(tmp_path, {}))
    for row in directives.DIRECTIVES:
        assert getattr(changed, row.attribute) == getattr(plain, row.attribute), row.name


def test_a_sample_has_the_given_settings():
    text = sample("crs-local.conf", {"crsname": "north"})
    assert "\ncrsname north\n" in text and "\n#attach-workers 2\n" in text
