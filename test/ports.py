"""Free ports for the tests, also for those of other workers and of other suites on the same machine.

A port is chosen long before the process that listens there starts. So none is taken from the range that the kernel
gives to whoever asks for any port, and each is reserved, until this process ends, by an abstract Unix socket.
"""

import errno
import random
import socket

FIRST, LAST = 10_000, 32_767  # below the kernel's own range, see ip_local_port_range in ip(7)

_source = random.Random()
_reserved: list[socket.socket] = []


def free_port(kind: int = socket.SOCK_STREAM, ip: str = "127.0.0.1") -> int:
    """A port that nobody listens at and that is given once. Raises OSError where there is no such address."""
    while True:
        port = _source.randint(FIRST, LAST)
        if _is_free(port, kind, ip) and _reserve(port):
            return port


def _is_free(port: int, kind: int, ip: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind) as sock:
        try:
            sock.bind((ip, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def _reserve(port: int) -> bool:
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0crs-test-port-{port}")
    except OSError:
        reservation.close()
        return False
    _reserved.append(reservation)
    return True
