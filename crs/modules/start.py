"""What a module process is given when the supervisor starts it, and how it reports back.

``crs.modules.<name>.main`` takes a ``Start``. Its methods block only the greenlet or thread that calls them, with
gevent's patches and without.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from crs import systemd
from crs.config.settings import Config
from crs.home.paths import Home

READY = b"ready\n"


@dataclass
class Start:
    """One start of one module process. Descriptors are None where the module runs on its own (systemd, tests)."""

    home: Home
    conf: Config
    module: str
    index: int = 0  # which of the module's processes, from 0
    listen_fd: int | None = None  # the listening TCP socket of this worker, bound by the supervisor
    lifeline_fd: int | None = None  # a pipe from the supervisor: end of file when it is gone
    ready_fd: int | None = None  # a pipe to the supervisor, written to when work has begun

    def ready(self) -> None:
        """Report, once, that this process is at work: to the supervisor, or to systemd where there is none."""
        if self.ready_fd is None:
            systemd.notify("READY=1")
            return
        fd, self.ready_fd = self.ready_fd, None
        with suppress(BrokenPipeError):  # the supervisor is gone: ``watch_lifeline`` notices
            os.write(fd, READY)
        os.close(fd)

    def watch_lifeline(self, on_end: Callable[[], None]) -> None:
        """Wait until the supervisor is gone, then call ``on_end``. Run it in a greenlet (or thread) of its own.

        Returns at once, without the call, where there is no supervisor.
        """
        if self.lifeline_fd is None:
            return
        select.select([self.lifeline_fd], [], [])
        on_end()
