"""Files that are written whole or not at all, by default readable by their owner alone."""

import os
from pathlib import Path

from crs.errors import OperatorFault


def write(path: Path, content: bytes | str, mode: int = 0o600) -> None:
    """Replace ``path`` by ``content`` in one step: a reader sees the old file or the new one.

    It is on the disk when this returns, and never has more rights than ``mode``. Raises OperatorFault, and then leaves
    the old file.
    """
    path = Path(path)
    try:
        draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                os.fchmod(descriptor, mode)
                file.flush()
                os.fsync(descriptor)
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise OperatorFault(f"cannot write {path}: {error.strerror}") from None


def read(path: Path, limit: int) -> bytes:
    """The content of ``path``, at most ``limit`` bytes. Raises OperatorFault, also if others may read the file."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise OperatorFault(f"{path} holds keys and is open to others; run: chmod 600 {path}")
            data = file.read(limit + 1)
    except OSError as error:
        raise OperatorFault(f"cannot read {path}: {error.strerror}") from None
    if len(data) > limit:
        raise OperatorFault(f"{path} is larger than {limit} bytes; that is not the right file")
    return data


def sync_directory(directory: Path) -> None:
    """Write the names in a directory to the disk (fsync). Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
