"""A snapshot of a running Redis server: the server writes its data of one moment to a file, without stopping.

How Redis names its own files stands only here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OperatorFault
from .commands import Commands, RedisError

DUMP = "dump.rdb"  # where BGSAVE writes; nothing else of ours does
_LOOK_EVERY = 0.05  # seconds
_MULTI_PART = 7  # from this release on, the append-only file is a directory of parts


@contextmanager
def taken(redis: Commands, directory: Path, pause: Callable[[float], None] = time.sleep) -> Iterator[Path]:
    """The file with all that the server holds in ``directory``; it is removed again at the end.

    Raises Unavailable, and OperatorFault where the server cannot write it.
    """
    dump = directory / DUMP
    try:
        _begin(redis, dump, pause)
        while _writing(redis):
            pause(_LOOK_EVERY)
        if not dump.exists():  # it gets its name when it is complete and on the disk
            raise _failed(redis, directory, "the disk may be full")
        yield dump
    finally:
        dump.unlink(missing_ok=True)


def _begin(redis: Commands, dump: Path, pause: Callable[[float], None]) -> None:
    """Have the server write its snapshot, when it is done with what it writes now."""
    while True:
        while _writing(redis):
            pause(_LOOK_EVERY)
        dump.unlink(missing_ok=True)
        try:
            redis.call("BGSAVE")
            return
        except RedisError as error:
            if not _writing(redis):  # a rewrite that began just now is waited for
                raise _failed(redis, dump.parent, str(error)) from None


def _writing(redis: Commands) -> bool:
    """Whether a child of the server writes a snapshot or a new append-only file."""
    now = redis.info("persistence")
    return "1" in (now["rdb_bgsave_in_progress"], now["aof_rewrite_in_progress"])


def _failed(redis: Commands, directory: Path, why: str) -> OperatorFault:
    return OperatorFault(f"{redis.name} wrote no snapshot to {directory} ({why}); see {redis.name}.log")


def loadable(redis: Commands) -> tuple[str, dict[str, bytes]]:
    """How a server that keeps an append-only file takes a snapshot as its data when it starts.

    The name to give the snapshot, below the server's directory, and the files that must lie there beside it.
    """
    version = redis.info("server")["redis_version"]
    if int(version.split(".")[0]) < _MULTI_PART:
        return "appendonly.aof", {}
    base = "appendonly.aof.1.base.rdb"
    return f"appendonlydir/{base}", {"appendonlydir/appendonly.aof.manifest": f"file {base} seq 1 type b\n".encode()}
