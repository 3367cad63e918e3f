"""The lock of a home: it keeps two hosts from working in one, and makes a new host wait for the end of an old one.

Two locks lie on the file ``run/lock``. The record lock (fcntl) belongs to the supervisor alone. The other one (flock)
is inherited, with the descriptor, by every process of the host, so it is held until the last of them has ended.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crs.errors import OperatorFault
from crs.home.paths import Home

WAIT = 15.0  # seconds for the processes that a dead supervisor left to end


def take(home: Home, say: Callable[[str], None], wait: float = WAIT) -> int:
    """Take both locks and return the descriptor to be inherited. Raises OperatorFault.

    The file must not be opened a second time in this process: closing it would drop the record lock.
    """
    fd = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        owner = os.read(fd, 20).decode("ascii", "replace").strip()
        os.close(fd)
        raise OperatorFault(f"a host runs in {home} already, process {owner}; stop it first") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    if not _flocked(fd):
        say(f"waiting for the processes of an earlier start in {home} to end")
        deadline = time.monotonic() + wait
        while not _flocked(fd):
            if time.monotonic() > deadline:
                os.close(fd)
                raise OperatorFault(
                    f"processes of an earlier start still run after {wait:g} s; "
                    f"end those listed in {home.processes}, then start again"
                )
            time.sleep(0.05)
    return fd


def running(home: Home) -> bool:
    """Whether any process of a host runs in this home. Not for the supervisor itself (see ``take``)."""
    try:
        fd = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _flocked(fd)
    finally:
        os.close(fd)


@contextmanager
def kept_down(home: Home) -> Iterator[bool]:
    """Whether no host runs in this home. If so, one that is started meanwhile waits for the end of this (``take``)."""
    try:
        fd = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # no host was ever started: it makes run/
        yield True
        return
    try:
        yield _flocked(fd)
    finally:
        os.close(fd)


def _flocked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
