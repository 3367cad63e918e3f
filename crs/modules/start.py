"""What a module process is given when the supervisor starts it, and how it answers.

Lives here: the value ``Start`` that ``crs.modules.<name>.main`` takes. Never here: what a module does. The calls
block their greenlet or thread only, with gevent's patches and without.
"""

import os
import select
from collections.abc import Callable
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
    lifeline_fd: int | None = None  # end of file: the supervisor is gone
    ready_fd: int | None = None  # where to say that work has begun

    def ready(self) -> None:
        """Say, once, that this process does its work now: to the supervisor, or to systemd where there is none."""
        if self.ready_fd is None:
            systemd.notify("READY=1")
            return
        fd, self.ready_fd = self.ready_fd, None
        try:
            os.write(fd, READY)
        except BrokenPipeError:
            pass  # the supervisor is gone: the lifeline tells
        os.close(fd)

    def watch_lifeline(self, on_end: Callable[[], None]) -> None:
        """Wait until the supervisor is gone, then call ``on_end``. Run it in a greenlet (or thread) of its own.

        Returns at once, without the call, where there is no supervisor.
        """
        if self.lifeline_fd is None:
            return
        select.select([self.lifeline_fd], [], [])
        on_end()
