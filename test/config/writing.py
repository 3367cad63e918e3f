"""The three files of a configuration, written for a test."""

from pathlib import Path

GOOD = {"crs.conf": "host crs1\nip crs1 192.0.2.1\n", "crs-local.conf": "crsname crs1\n", "crs-relay.conf": ""}


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in {**GOOD, **files}.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory
