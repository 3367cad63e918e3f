"""The archive of a home that is down; what is reported when it cannot be written. A host that runs: test_restore.py."""

import os
import stat
import subprocess
import tarfile

import pytest

from crs.daemon import backup
from crs.errors import OperatorFault
from crs.home import lock
from crs.home.paths import Home
from crs.store import Store
from test.faults.test_disk import small_disk

NOW = 1_795_564_800_000  # 2026-11-25 00:00 UTC
CONF = "POOL\nip crs1 127.0.0.1\nhost crs1\n"


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "crs")
    home.create({"crs.conf": CONF, "crs-local.conf": "crsname crs1\n"})
    (home.accounts / "acme").mkdir(mode=0o700)
    for name, mode in (("account.conf", 0o600), ("2026-11.upd", 0o640)):
        path = home.accounts / "acme" / name
        path.write_text(f"content of {path.name}\n")
        path.chmod(mode)
    appended = home.data / "redis_low" / "appendonlydir"
    appended.mkdir(parents=True)
    (appended / "appendonly.aof.1.incr.aof").write_bytes(os.urandom(100_000))
    return home


def write(home: Home, now: int = NOW, **options) -> backup.Archive:
    return backup.write(home, "crs1", Store.direct(home, "crs1"), now, **options)


def test_the_archive_of_the_manual(home):
    told = []
    archive = write(home, on_file=told.append)
    assert archive.path == home.backup / "crs-backup-crs1-20261125-000000.tar"
    assert stat.S_IMODE(archive.path.stat().st_mode) == 0o600 and archive.size == archive.path.stat().st_size
    with tarfile.open(archive.path) as tar:
        names = [member.name for member in tar]
        assert not any(name.startswith("/") for name in names)
        below = {os.path.relpath(f"/{name}", home.root) for name in names}
    assert below == {
        "crs.conf",
        "crs-local.conf",
        "accounts",
        "accounts/acme",
        "accounts/acme/account.conf",
        "accounts/acme/2026-11.upd",
        "data",
        "data/restored",
        "data/redis_low",
        "data/redis_low/appendonlydir",
        "data/redis_low/appendonlydir/appendonly.aof.1.incr.aof",
    }
    assert names[0] == names[-1] and archive.files == 6 and len(told) == 8


def test_tar_gives_back_content_modes_and_ages(home, tmp_path):
    archive = write(home)
    root = tmp_path / "elsewhere"
    root.mkdir()
    subprocess.run(["tar", "xfv", archive.path, "-C", root], check=True, capture_output=True)
    restored = Home(root / home.root.relative_to("/"))
    for part in (home.conf, home.local_conf, *home.accounts.rglob("*"), *home.data.rglob("*")):
        other = restored.root / part.relative_to(home.root)
        was, now = part.stat(), other.stat()
        assert (was.st_mode, was.st_uid, int(was.st_mtime)) == (now.st_mode, now.st_uid, int(now.st_mtime)), part
        assert part.is_dir() or part.read_bytes() == other.read_bytes()


def test_what_a_killed_backup_left_is_removed_and_drafts_of_files_stay_out(home):
    rest = home.backup / f".crs-backup-crs1-20261124-000000.tar{backup.PART}"
    rest.write_text("half")
    (home.accounts / "acme" / ".account.conf.0badcafe").write_text("half")
    archive = write(home)
    assert list(home.backup.iterdir()) == [archive.path]
    with tarfile.open(archive.path) as tar:
        assert not [member.name for member in tar if "0badcafe" in member.name]


def test_each_archive_has_a_name_of_its_own(home):
    first = write(home)
    content = first.path.read_bytes()
    with pytest.raises(OperatorFault, match="exists already"):
        write(home)
    second = write(home, NOW + 1000)
    assert second.path != first.path and first.path.read_bytes() == content


def test_one_at_a_time_and_no_host_starts_meanwhile(home):
    seen = []

    def meanwhile(_):
        seen.append(lock.running(home))
        with pytest.raises(OperatorFault, match="another backup of this home"):
            write(home, NOW + 1000)

    write(home, on_file=meanwhile)
    assert True in seen
    assert not lock.running(home)


def test_what_reads_back_otherwise_than_it_was_written_is_no_backup(home):
    old = write(home)
    content = old.path.read_bytes()

    def spoil(name):
        if "read back" in name:
            (draft,) = home.backup.glob(f".*{backup.PART}")
            with open(draft, "r+b") as file:
                file.seek(content.index(b"content of account.conf"))
                file.write(b"x")

    with pytest.raises(OperatorFault, match="account.conf was not read back as it was written; check the disk"):
        write(home, NOW + 1000, on_file=spoil)
    assert list(home.backup.iterdir()) == [old.path] and old.path.read_bytes() == content


@pytest.mark.parametrize("left", [0, 3, 1024, 40_000])
def test_a_broken_archive_is_told(home, left):
    archive = write(home)
    with tarfile.open(archive.path) as tar:
        digests = {member.name: "" for member in tar if member.isreg()}
    with open(archive.path, "r+b") as file:
        file.truncate(left)
    with pytest.raises(OperatorFault, match="there is no backup"):
        backup.read_back(archive.path, digests)


def test_a_file_that_shrinks_while_it_is_read_is_told(home):
    def shrink(name):
        if name.endswith("incr.aof"):
            os.truncate(name, 10)

    with pytest.raises(OperatorFault, match="incr.aof changed while it was read; try again"):
        write(home, on_file=shrink)
    assert not list(home.backup.iterdir())


def test_a_full_disk_is_told_and_the_old_backup_stays(home):
    (home.data / "large").write_bytes(os.urandom(7_000_000))
    program = f"""
import sys
from pathlib import Path
from test.daemon.test_backup import NOW, Home, write
home = Home({str(home.root)!r})
(home.backup / "old.tar").write_text("old")
try:
    write(home)
except Exception as error:
    print(error)
print([path.name for path in home.backup.iterdir()], (home.backup / "old.tar").read_text())
"""
    done = subprocess.run([*small_disk(home.backup), os.sys.executable, "-c", program], text=True, capture_output=True)
    assert done.stdout.splitlines() == [
        f"there is no backup: {home.backup}/.crs-backup-crs1-20261125-000000.tar{backup.PART}: No space left on "
        "device; what was written is removed, older archives are as they were",
        "['old.tar'] old",
    ], done.stderr


def test_a_restore_by_the_manual_leaves_nothing_open_to_others(home):
    for command in (
        f"chmod 644 {home.conf}",
        f"chmod 644 {home.local_conf}",
        f"chmod -R 644 {home.accounts}",
        f"chmod 755 {home.accounts}",
        f"chmod 755 {home.accounts}/*",
    ):
        subprocess.run(command, shell=True, capture_output=True)
    changed = home.tighten()
    assert {
        home.conf,
        home.local_conf,
        home.accounts,
        home.accounts / "acme",
        home.accounts / "acme" / "account.conf",
    } <= set(changed)
    looked_at = (home.conf, home.accounts, *home.accounts.rglob("*"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in looked_at}
    assert modes == {"crs.conf": 0o640, "accounts": 0o700, "acme": 0o700, "account.conf": 0o600, "2026-11.upd": 0o600}
    assert home.tighten() == []
