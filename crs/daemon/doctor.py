"""``crsd --check``: what could keep a host of this configuration from working on this machine. It changes nothing.

What a correct configuration is stands in ``crs.config``; limits, clock and file modes are looked at in ``machine``.
"""

import errno
import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

from crs.config import directives
from crs.config.file import ConfigFault
from crs.config.settings import Config, ConfigError, load
from crs.daemon import listen, machine, redis_server
from crs.daemon.processes import ATTACH, SERVERS
from crs.errors import CrsError, OperatorFault, Unavailable
from crs.home import lock, running
from crs.home.accountfiles import AccountFiles, accounts_on_disk
from crs.home.paths import Home
from crs.trust import strength

# Kinds of findings: what keeps a host from working, what an operator should know, what it runs with.
FAULT, NOTE, FACT = "fault", "note", "in use"


def check(home: Home) -> tuple[list[str], bool]:
    """The report, line by line, and whether a host can start from this home (and does its work, if it runs)."""
    found = findings(home)
    faults = sum(kind == FAULT for kind, _ in found)
    lines = [f"note: {text}" if kind == NOTE else text for kind, text in found if not (faults and kind == FACT)]
    return [*lines, f"{home}: {_count(faults, 'fault') if faults else 'no faults'}"], not faults


def findings(home: Home) -> list[tuple[str, str]]:
    """All that is found, faults first: the kind (FAULT, NOTE or FACT) and a sentence."""
    try:
        conf = load(home)
    except ConfigError as error:
        return [(FAULT, str(fault)) for fault in error.faults]
    faults = list(map(str, _machine_faults(conf)))
    notes = [
        *map(str, conf.notes),
        *machine.modes(home, bool(conf.key or conf.cps)),
        *_weak_secrets(conf),
        *_restart_notes(conf),
        *_limits(conf),
        *machine.clock(home, time.time()),
    ]
    servers = list(_servers(conf)) if lock.running(home) else []
    faults += [text for kind, text in servers if kind == FAULT]
    facts = [] if faults else list(_in_use(conf))  # a host that cannot start uses nothing
    return [
        *((FAULT, text) for text in faults),
        *((NOTE, text) for text in notes),
        *((FACT, text) for text in facts),
        *((FACT, text) for kind, text in servers if kind == FACT),
    ]


def _machine_faults(conf: Config) -> Iterator[ConfigFault | OperatorFault]:
    for look in (conf.home.check_socket_paths, conf.home.check_restored):
        try:
            look()
        except OperatorFault as fault:
            yield fault
    yield from _port_faults(conf)
    try:
        redis_server.find(conf)
    except OperatorFault as fault:
        yield fault


def _port_faults(conf: Config) -> Iterator[OperatorFault]:
    """Ports that cannot be bound. One in use is a fault only while no host of this home uses it."""
    from crs.telemetry import metrics

    ports = [
        (conf.listen_address, conf.listen_port, socket.SOCK_STREAM, "listen-port"),
        (conf.listen_address, conf.relay_port, socket.SOCK_DGRAM, "relay-port"),
    ]
    if conf.metrics_port:
        ports.append((metrics.address(conf), conf.metrics_port, socket.SOCK_STREAM, "metrics-port"))
    for address, port, kind, directive in ports:
        try:
            listen.probe(address, port, kind, directive)
        except listen.CannotBind as fault:
            if fault.errno != errno.EADDRINUSE or not lock.running(conf.home):
                yield fault


def _weak_secrets(conf: Config) -> Iterator[str]:
    """Secrets that could be guessed. Those of peers and admins are in the store, which is read while the host runs."""
    places = {"crs.conf: key": conf.key, "crs.conf: the secret of cps": conf.cps and conf.cps.secret}
    for account in accounts_on_disk(conf.home.accounts):
        try:
            places[f"account {account}: its shared secret"] = AccountFiles(conf.home.accounts, account).secret()
        except (OSError, OperatorFault) as fault:
            yield str(fault)
    if redis_server.answers(conf.home.redis_low_sock):
        places.update(_recorded_secrets(conf))
    for place, secret in places.items():
        if secret and strength.weak(secret):
            yield (
                f"{place} has less than {strength.ENOUGH} bits (about {strength.bits(secret)}); "
                "crs-cli create sharedSecret makes a good one"
            )


def _recorded_secrets(conf: Config) -> dict[str, str]:
    from crs.store import Store

    store = Store.direct(conf.home, conf.name)
    try:
        return {
            **{f"iw-crs {ip}: its shared secret": peer.secret for ip, peer in store.operator.peers().items()},
            **{f"admin {name}: its secret": admin.secret for name, admin in store.operator.admins().items()},
        }
    except CrsError:
        return {}
    finally:
        store.close()


def _restart_notes(conf: Config) -> Iterator[str]:
    """What was edited since the host was started."""
    if not lock.running(conf.home):
        return
    for file in directives.FILES:
        try:
            then, now = (conf.home.started_with / file).read_text(), (conf.home.root / file).read_text("utf-8-sig")
        except OSError:
            continue
        if then != now:
            yield f"{file} was changed since the host was started; restart the host to have it effective"


def _limits(conf: Config) -> Iterator[str]:
    from crs.relay.forward import RECEIVE_BUFFER

    wanted = {
        "net.core.somaxconn": (listen.BACKLOG, "clients that may wait while a worker is started again"),
        "net.core.rmem_max": (
            RECEIVE_BUFFER,
            "bytes that the relay asks for (it has them all the same with CAP_NET_ADMIN)",
        ),
    }
    settings = {name: (machine.sysctl(name), *more) for name, more in wanted.items()}
    yield from machine.limits(machine.open_files(_worker(conf)), conf.attach_workers, settings)


def _worker(conf: Config) -> int | None:
    """The process id of a worker that runs."""
    with suppress(OSError):
        return next((process.pid for process in running.read(conf.home) if process.process == ATTACH.name), None)
    return None


def _servers(conf: Config) -> Iterator[tuple[str, str]]:
    """The Redis servers of a host that runs: their version, and whether they store durably; (FAULT or FACT, text)."""
    from crs.store.direct import Direct

    for row in SERVERS:
        name = row.name
        redis = Direct(conf.home.redis_sock(name), name, {})
        try:
            server, kept = redis.info("server"), redis.info("persistence")
            wanted = {"appendonly": "yes", "appendfsync": row.fsync, "maxmemory-policy": "noeviction"}
            for setting, value in wanted.items():
                given = redis.call("CONFIG", "GET", setting)[1].decode()
                if given != value:
                    yield FAULT, f"{name} runs with {setting} {given}, not {value}; restart the host"
        except Unavailable as fault:
            yield FAULT, f"{fault}; see {conf.home.log / row.log}"
            continue
        finally:
            redis.close()
        for what, status in (("write to", "aof_last_write_status"), ("rewrite of", "aof_last_bgrewrite_status")):
            if kept.get(status, "ok") != "ok":
                yield FAULT, f"{name}: the last {what} its append-only file failed; is the disk full? see its log"
        version = server.get("valkey_version") or server["redis_version"]
        yield FACT, f"{name}: version {version}, append-only file, fsync {row.fsync}"


def _in_use(conf: Config) -> Iterator[str]:
    """What the host would run with, and which directives have no effect in this release."""
    from crs.net import tls
    from crs.relay import fast

    yield (
        f"host: {conf.name} at {listen.place(conf.listen_address, conf.listen_port)}, "
        f"media at {listen.place(conf.listen_address, conf.relay_port)}/udp"
    )
    yield f"redis: {redis_server.find(conf)}"
    digest = hashlib.sha256(conf.home.conf.read_bytes()).hexdigest()[:16]
    yield f"crs.conf: digest {digest}, to be the same on all hosts of the pool"
    yield (
        f"limits: ulimit -n {machine.open_files(_worker(conf))}, "
        f"somaxconn {machine.sysctl('net.core.somaxconn')}, rmem_max {machine.sysctl('net.core.rmem_max')}"
    )
    yield f"TLS callbacks: {tls.CALLBACKS}"
    yield f"relay forwards in: {fast.means(fast.loops())}"
    later = [row.name for row in directives.DIRECTIVES if not row.effective]
    yield f"directives not yet effective in this release: {', '.join(later)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
