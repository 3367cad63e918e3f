"""``crsd --check``: the configuration doctor. It looks at the files and at the machine, and changes nothing.

Lives here: what could keep a host of this configuration from working on this machine, and what is worth telling. Never
here: what a correct configuration is (``config``).
"""

import errno
import os
import socket
import stat
from typing import Iterator

from crs import directives, listen, lock, redis_server
from crs.config import Config, ConfigError, load
from crs.conffile import Fault
from crs.errors import OperatorFault
from crs.home import Home


def check(home: Home) -> tuple[list[str], bool]:
    """The report, line by line, and whether a host can start from this home."""
    try:
        conf = load(home)
    except ConfigError as error:
        return [*map(str, error.faults), f"{home}: {_count(len(error.faults), 'fault')}"], False
    faults = list(_machine_faults(conf))
    notes = [f"note: {note}" for note in (*conf.notes, *_readable_secrets(conf))]
    if faults:
        return [*map(str, faults), *notes, f"{home}: {_count(len(faults), 'fault')}"], False
    return [*notes, *_in_use(conf), f"{home}: no faults"], True


def _machine_faults(conf: Config) -> Iterator[Fault | OperatorFault]:
    try:
        conf.home.check_socket_paths()
    except OperatorFault as fault:
        yield fault
    yield from _port_faults(conf)
    try:
        redis_server.find(conf)
    except OperatorFault as fault:
        yield fault


def _port_faults(conf: Config) -> Iterator[OperatorFault]:
    """Ports that cannot be bound. One in use is a fault only while no host of this home uses it."""
    ports = ((conf.listen_port, socket.SOCK_STREAM, "listen-port"), (conf.relay_port, socket.SOCK_DGRAM, "relay-port"))
    for port, kind, directive in ports:
        try:
            listen.probe(conf.listen_address, port, kind, directive)
        except listen.CannotBind as fault:
            if fault.errno != errno.EADDRINUSE or not lock.running(conf.home):
                yield fault


def _readable_secrets(conf: Config) -> Iterator[Fault]:
    """The manual's restore makes ``crs.conf`` readable by everyone, with the secrets in it."""
    if (conf.key or conf.cps) and stat.S_IMODE(os.stat(conf.home.conf).st_mode) & stat.S_IROTH:
        yield Fault("crs.conf", 0, 0, "every user of this machine can read it, and there are secrets in it",
                    f"chmod o-r {conf.home.conf}")


def _in_use(conf: Config) -> Iterator[str]:
    """What the host would run with, and which directives are yet to come."""
    from crs.net import tls      # here, for it needs OpenSSL's bindings, and a faulty file is told without them
    from crs.relay import fast

    yield f"host: {conf.name} at {listen.place(conf.listen_address, conf.listen_port)}, " \
          f"media at {listen.place(conf.listen_address, conf.relay_port)}/udp"
    yield f"redis: {redis_server.find(conf)}"
    yield f"TLS callbacks: {tls.CALLBACKS}"
    yield f"relay forwards in: {fast.LOOP}"
    later = [row.name for row in directives.DIRECTIVES if not row.effective]
    yield f"directives not yet effective in this release: {', '.join(later)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
