"""Files are written whole or not at all, and those with keys are readable by their owner alone."""

import os
import stat

import pytest

from crs.errors import OperatorFault
from crs.home import files


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_replaced_with_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o666)
    files.write(path, "new", mode)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)
    assert os.listdir(tmp_path) == ["file"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OperatorFault, match=f"cannot write {path}: No space left on device"):
        files.write(path, b"new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_reading_keys(tmp_path):
    path = tmp_path / "keys"
    with pytest.raises(OperatorFault, match=f"cannot read {path}: No such file"):
        files.read(path, 10)
    files.write(path, b"0123456789")
    assert files.read(path, 10) == b"0123456789"
    with pytest.raises(OperatorFault, match="is larger than 9 bytes; that is not the right file"):
        files.read(path, 9)
    path.chmod(0o640)
    with pytest.raises(OperatorFault, match=f"holds keys and is open to others; run: chmod 600 {path}"):
        files.read(path, 10)
