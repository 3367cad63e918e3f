"""What a machine offers a host: limits, clock, modes of files. Nothing is changed here.

The doctor shows the sentences that these functions give: what was found, and what to do about it.
"""

import ctypes
import os
import re
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

from crs.home.paths import Home

OWN_FILES = 64  # descriptors that a worker needs beside one for each client
MANY_CLIENTS = 4096  # that a worker should be able to serve
BEHIND = 60  # seconds that a clock may be behind what the host wrote before

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_SIZE = 256  # bytes, more than struct timex has


def open_files(worker: int | None) -> int:
    """How many files a worker may have open: the process with this pid, else one that is started from here."""
    if worker is not None:
        try:
            found = re.search(r"^Max open files +(\d+)", Path(f"/proc/{worker}/limits").read_text(), re.MULTILINE)
        except OSError:
            found = None
        if found:
            return int(found[1])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2**31 if limit == resource.RLIM_INFINITY else limit


def sysctl(name: str) -> int | None:
    """A setting of the kernel, such as ``net.core.somaxconn``; None where it cannot be read."""
    try:
        return int(Path("/proc/sys", *name.split(".")).read_text())
    except (OSError, ValueError):
        return None


def limits(files: int, workers: int, settings: dict[str, tuple[int | None, int, str]]) -> Iterator[str]:
    """What is too small. ``settings``: name of a kernel setting -> its value, the value wanted, and for what."""
    clients = max(0, files - OWN_FILES)
    if clients < MANY_CLIENTS:
        yield (
            f"ulimit -n is {files}: {workers} attach-workers serve about {clients * workers} clients; "
            f"for more raise it (LimitNOFILE= of the service crs)"
        )
    for name, (value, wanted, purpose) in settings.items():
        if value is not None and value < wanted:
            yield f"{name} is {value}, less than the {wanted} {purpose}; sysctl -w {name}={wanted}"


def clock(home: Home, now: float) -> Iterator[str]:
    """What is wrong with the time. ``now``: seconds since 1970."""
    newest = max((_changed(path) for path in _written(home)), default=0.0)
    if newest > now + BEHIND:
        yield (
            f"the clock is {int(newest - now)} s behind files that the host wrote; "
            "set it right, or clients find their keys not valid yet"
        )
    if not synchronised():
        yield "the clock is not synchronised with any other; run an NTP service, such as chrony"


def synchronised() -> bool:
    """Whether a time service keeps the kernel's clock right; True where the kernel does not say."""
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))
    return state != _TIME_ERROR


def modes(home: Home, has_secrets: bool) -> Iterator[str]:
    """Files of a home that others than its owner can read or change, and should not."""
    if has_secrets and _mode(home.conf) & stat.S_IROTH:
        yield f"crs.conf: every user of this machine can read it, and there are secrets in it; chmod o-r {home.conf}"
    for path in (home.root, home.conf, home.local_conf, home.relay_conf, home.scripts, home.notify):
        if _mode(path) & stat.S_IWOTH:
            yield f"every user of this machine can change {path}; chmod o-w {path}"
    open_to_others = [
        path
        for top in (home.accounts, home.data, home.backup, home.run)
        for path in (top, *sorted(top.rglob("*") if top is home.accounts else ()))
        if _mode(path) & 0o077
    ]
    if open_to_others:
        more = f" and {len(open_to_others) - 1} more" if open_to_others[1:] else ""
        yield (
            f"others than its owner can read {open_to_others[0]}{more}; chmod go= {open_to_others[0]}, "
            "or start the host, which does it"
        )


def _written(home: Home) -> list[Path]:
    return [home.crs_log, home.processes, home.written_by, *home.log.glob("redis_*.log"), *home.accounts.glob("*/*")]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _mode(path: Path) -> int:
    """0 where there is no file, or none that this user can see."""
    try:
        return stat.S_IMODE(os.lstat(path).st_mode) if not path.is_symlink() else 0
    except OSError:
        return 0
