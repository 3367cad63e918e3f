"""The host that a command is about: its home, configuration, store and relay, each opened when first asked for.

The clock and the source of randomness are given, so that a test can hold them still.
"""

import os
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import OperatorFault
from ..home import running
from ..home.paths import Home
from ..home.running import Running
from ..loop.clock import wall_clock
from .output import YELLOW, tell

if TYPE_CHECKING:  # each is imported when it is first asked for, so that a plain show starts quickly
    from ..config.settings import Config
    from ..relay.client import RelayClient
    from ..store import Store


class LocalHost:
    """``home_option`` is what ``--home`` said. ``random(n)`` gives n random bytes, fit for keys."""

    def __init__(
        self,
        home_option: str | None = None,
        now: Callable[[], int] = wall_clock,
        random: Callable[[int], bytes] = os.urandom,
    ):
        self._home_option = home_option
        self.now = now
        self.random = random

    @cached_property
    def home(self) -> Home:
        """Raises OperatorFault where there is none."""
        home = Home.find(self._home_option)
        if not home.conf.is_file():
            raise OperatorFault(
                f"{home} is no home of a CRS; name one with --home or CRS_HOME, or make one: crsd --init {home}"
            )
        return home

    @cached_property
    def running(self) -> list[Running]:
        """The processes of this host that live; none while it does not run."""
        return running.read(self.home)

    @cached_property
    def conf(self) -> "Config":
        """The configuration, of a running host the one that it was started with. Raises ConfigError."""
        from ..config.settings import load

        return load(self.home, self.home.started_with if self.running else None)

    @cached_property
    def store(self) -> "Store":
        """The host's two Redis servers, directly; each call raises Unavailable while it is down."""
        from ..store import Store

        return Store.direct(self.home, self.conf.name)

    @cached_property
    def relay(self) -> "RelayClient":
        """The relay's control; each call raises Unavailable while it is down."""
        from ..relay.client import RelayClient

        return RelayClient(self.home.relay_sock, "crs-cli")

    @property
    def remedy(self) -> str:
        """What to do when a part of the host does not answer."""
        if self.running:
            return f"see the logs in {self.home.log}"
        return f"the host is not running; start it: crsd --home {self.home}"

    def warn(self, text: str) -> None:
        """Print what the operator should know although the action succeeds."""
        tell(sys.stderr, YELLOW, f"warning: {text}")
