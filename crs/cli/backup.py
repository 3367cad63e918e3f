"""The action backup (manual, chapters 4.20.1, 5.4); what goes into an archive is in ``crs.daemon.backup``."""

from .actions import Arguments
from .host import LocalHost
from .output import Line, counted
from .progress import Progress


def write(host: LocalHost, arguments: Arguments) -> Line:
    """``backup``: an archive of the configuration, the accounts and the data."""
    from ..daemon import backup

    with Progress("files") as progress:
        archive = backup.write(
            host.home, host.conf.name, host.store, host.now(), lambda name: progress.step(f"writing {name}")
        )
    return Line(
        f"{archive.path}, {counted(archive.files, 'file')}, {archive.size} bytes",
        {"path": str(archive.path), "files": archive.files, "bytes": archive.size},
    )
