"""The back-up archive of a home (manual, chapter 4.20): what is in it, and how it comes to be whole or not at all.

    <home>/backup/crs-backup-<instance>-<date>.tar     crs.conf  crs-local.conf  accounts/  data/

Names in it are paths below /, so that ``tar xf … -C /`` restores. Of a Redis server that runs a snapshot is taken: the
archive has its data of one moment, in the form that it loads at its next start. ``data/restored`` is in it twice, first
and last, with different content: only who extracts the whole archive is left with the last. Restoring is tar's.
"""

import fcntl
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import OperatorFault
from ..home import files, lock
from ..home.paths import RESTORED, UNRESTORED, Home
from ..store import Store, snapshot
from ..store.commands import Commands

FORMAT = tarfile.GNU_FORMAT
PART = ".part"
CHUNK = 1 << 20  # bytes read at a time


class Archive(NamedTuple):
    """An archive that was written: where, how many files are in it, and its size in bytes."""

    path: Path
    files: int
    size: int


class _Draft:
    """A tar file being written, and the digests of what is in it."""

    def __init__(self, tar: tarfile.TarFile, on_file: Callable[[str], None]):
        self._tar, self._on_file = tar, on_file
        self.digests: dict[str, str] = {}

    def add(self, path: Path, name: Path | None = None) -> None:
        """A file, directory or link, as ``name`` if given; left out if it was removed meanwhile."""
        with suppress(FileNotFoundError):
            info = self._tar.gettarinfo(path, _inside(name or path))
            if info is None:  # a socket, which is of no use in an archive
                return
            if not info.isreg():
                self._tar.addfile(info)
                return
            with open(path, "rb") as file:
                info.size = os.fstat(file.fileno()).st_size
                self._put(info, file)

    def tree(self, directory: Path, leave_out: tuple[str, ...] = ()) -> None:
        """A directory with all that is below it, without drafts (``files.write``), whose names begin with a dot."""
        self.add(directory)
        for entry in sorted(directory.iterdir()) if directory.is_dir() else ():
            if entry.name.startswith(".") or entry.name in leave_out:
                continue
            if entry.is_dir() and not entry.is_symlink():
                self.tree(entry, leave_out)
            else:
                self.add(entry)

    def made(self, path: Path, content: bytes, like: Path) -> None:
        """A file with this content, and the owner and age of the file ``like``."""
        info = self._tar.gettarinfo(like, _inside(path))
        info.mode, info.size, info.type = 0o600, len(content), tarfile.REGTYPE
        self._put(info, io.BytesIO(content))

    def directory(self, path: Path, like: Path) -> None:
        """A directory that need not exist, likewise."""
        info = self._tar.gettarinfo(like, _inside(path))
        info.mode, info.size, info.type = 0o700, 0, tarfile.DIRTYPE
        self._tar.addfile(info)

    def _put(self, info: tarfile.TarInfo, file: IO[bytes]) -> None:
        self._on_file(f"/{info.name}")
        reader = _Digesting(file)
        try:
            self._tar.addfile(info, reader)
        except OSError as error:
            if error.errno is None:  # tarfile's own: there was less to read than before
                raise OperatorFault(f"/{info.name} changed while it was read; try again") from None
            raise
        self.digests[info.name] = reader.digest.hexdigest()


class _Digesting:
    """A file being read, and the digest of what was read so far."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


def write(
    home: Home,
    instance: str,
    store: Store,
    now: int,
    on_file: Callable[[str], None] = lambda name: None,
) -> Archive:
    """Write the archive of this home; ``on_file`` is called with each file's name.

    Raises OperatorFault and Unavailable, and then leaves nothing of it; no other archive is touched. A host that is
    down does not start meanwhile (it waits ``lock.WAIT``); a host that runs goes on.
    """
    home.backup.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    path = home.backup / f"crs-backup-{instance}-{stamp}.tar"
    with _alone(home):
        for part in home.backup.glob(f".crs-backup-*{PART}"):  # left by a backup that was killed
            part.unlink()
        if path.exists():
            raise OperatorFault(f"{path} exists already; try again a second later")
        draft = path.with_name(f".{path.name}{PART}")
        try:
            digests = _written(draft, home, store, on_file)
            on_file(f"{path}, which is read back")
            read_back(draft, digests)
            os.rename(draft, path)
            files.sync_directory(home.backup)
        except OSError as error:
            raise OperatorFault(
                f"there is no backup: {error.filename or draft}: {error.strerror}; "
                "what was written is removed, older archives are as they were"
            ) from None
        finally:
            draft.unlink(missing_ok=True)
    return Archive(path, len(digests), path.stat().st_size)


def _written(draft: Path, home: Home, store: Store, on_file: Callable[[str], None]) -> dict[str, str]:
    """Write the draft to the disk; the files in it, name to digest."""
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file, lock.kept_down(home) as down:
        with tarfile.open(fileobj=file, mode="w", format=FORMAT) as tar:
            archive = _Draft(tar, on_file)
            # tar does not notice an archive that is cut off between two files: the host does (``Home.check_restored``).
            archive.made(home.restored, UNRESTORED, home.data)
            archive.add(home.conf)
            archive.add(home.local_conf)
            servers = {} if down else {"redis_high": store.high, "redis_low": store.low}
            archive.tree(home.data, leave_out=(snapshot.DUMP, home.restored.name, *servers))
            for name, redis in servers.items():
                _add_running(archive, home.data / name, redis)
            archive.tree(home.accounts)
            archive.made(home.restored, RESTORED, home.data)
        file.flush()
        os.fsync(descriptor)
    return archive.digests


def _add_running(draft: _Draft, directory: Path, redis: Commands) -> None:
    """The data of a server that runs, of one moment."""
    with snapshot.taken(redis, directory) as dump:
        draft.add(directory)
        name, beside = snapshot.loadable(redis)
        for folder in {(directory / name).parent} - {directory}:
            draft.directory(folder, dump)
        draft.add(dump, directory / name)
        for other, content in beside.items():
            draft.made(directory / other, content, dump)


def read_back(path: Path, digests: dict[str, str]) -> None:
    """Raise OperatorFault unless the archive on the disk has exactly these files, each with its content."""
    found = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isreg() and (content := tar.extractfile(member)):
                    found[member.name] = _digest(content)
    except tarfile.TarError as error:
        raise OperatorFault(
            f"there is no backup: what was written reads back broken ({error}); check the disk"
        ) from None
    wrong = sorted(name for name in digests.keys() | found.keys() if digests.get(name) != found.get(name))
    if wrong:
        raise OperatorFault(f"there is no backup: /{wrong[0]} was not read back as it was written; check the disk")


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold the lock that there is one backup of a home at a time."""
    descriptor = os.open(home.backup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise OperatorFault("another backup of this home is being written; wait until it is done") from None
    finally:
        os.close(descriptor)


def _inside(path: Path) -> str:
    return str(path).lstrip("/")
