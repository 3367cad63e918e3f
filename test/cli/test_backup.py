"""backup: what the action says of the archive. What is in one is in test/daemon/test_backup.py."""

import tarfile
from pathlib import Path


def test_the_archive_that_is_told_is_there(operator, home, accounts):
    line = operator("backup")
    path = Path(line.fields["path"])
    assert path.parent == home.backup and path.stat().st_size == line.fields["bytes"]
    with tarfile.open(path) as archive:
        files = [member.name for member in archive if member.isreg()]
    assert str(home.accounts / "acme" / "account.conf")[1:] in files
    assert line.text == f"{path}, {line.fields['files']} files, {line.fields['bytes']} bytes"
