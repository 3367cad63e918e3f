"""Notifications to systemd (sd_notify(3)) of a service that it started. Elsewhere nothing happens."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(*states: str) -> None:
    """Send states such as ``READY=1``. Never raises: a systemd that does not listen must not stop the service."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)
        sock.sendto("\n".join(states).encode(), address)


class Watchdog:
    """The keep-alive that systemd asks for with ``WatchdogSec=``, sent twice in each such interval."""

    def __init__(self, environ: Mapping[str, str] = os.environ):
        microseconds = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.interval = int(microseconds) / 2_000_000 if meant and microseconds.isdigit() else 0.0
        self._next = 0.0

    def beat(self, now: float) -> None:
        """Send the keep-alive if it is due; call it more often than every ``interval`` seconds."""
        if self.interval and now >= self._next:
            self._next = now + self.interval
            notify("WATCHDOG=1")
