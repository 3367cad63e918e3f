"""Files that hold keys: written whole or not at all, for their owner's eyes alone. Never here: what is in them."""

import os
import tempfile
from pathlib import Path

from crs.errors import OperatorFault


def write(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step (0600), on the disk when this returns. Raises OperatorFault."""
    path = Path(path)
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)    # 0600 from the start
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
        _sync_directory(path.parent)
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


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
