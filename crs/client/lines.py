"""Lines of standard input (a terminal, a pipe or a file); only the reading greenlet waits."""

import os
from collections.abc import Iterator

from gevent.socket import wait_read

CHUNK = 65_536


def lines(descriptor: int = 0) -> Iterator[str]:
    """Each line without its end, as soon as it is complete; stops at the end of the input."""
    rest = b""
    while True:
        wait_read(descriptor)
        chunk = os.read(descriptor, CHUNK)
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        if not chunk:
            if rest:
                yield rest.decode(errors="replace")
            return
