"""``crsd``: the command line of a host's supervisor, of each of its modules, of a fresh home and of the doctor."""

import importlib
import os
import secrets
import socket
import sys
import traceback
from base64 import b64encode
from contextlib import suppress
from typing import Any

from docopt import docopt

from crs import __version__, log
from crs.config import directives
from crs.config import settings as config
from crs.config.samples import sample
from crs.daemon.processes import MODULES, PROCESSES, SERVERS
from crs.errors import OperatorFault
from crs.home import files
from crs.home.paths import NOTIFY_SH, Home
from crs.loop.clock import wall_clock
from crs.modules.start import Start

USAGE = """\
crsd - the CRS, a rendezvous server for secure calls and messages

Usage:
  crsd [--home DIR] [--standalone]
  crsd --init DIR [--name NAME] [--ip IP] [--listen-port N] [--relay-port N]
  crsd --check [--home DIR]
  crsd --print-config FILE
  crsd --module NAME [--home DIR] [--index N] [--listen-fd N] [--lifeline-fd N] [--ready-fd N]
  crsd --version
  crsd --help

Options:
  --home DIR         The home directory of the host; else $CRS_HOME, else /opt/crs.
  --standalone       Start the relay too (else a service of its own), and show progress. Ctrl-C ends it.
  --init DIR         Make a fresh home, with a new secret for the pool.
  --name NAME        Name of this host in the pool [default: crs1].
  --ip IP            Its address, IPv4 or IPv6 [default: 127.0.0.1].
  --listen-port N    TCP port for clients [default: 5223].
  --relay-port N     UDP port for media; below 1024 it needs root [default: 10146].
  --check            Say what is wrong with the configuration, and what to write instead.
  --print-config F   Print the commented crs.conf, crs-local.conf, crs-relay.conf or notify.sh as installed.
  --module NAME      Run one module as a process of its own, as the relay service does. The supervisor adds:
  --index N          which of the module's processes it is [default: 0],
  --listen-fd N      its listening socket,
  --lifeline-fd N    a pipe that ends with the supervisor,
  --ready-fd N       a pipe to say that it is ready.
"""

LOG = log.get("crsd")
Options = dict[str, Any]  # as docopt gives them: str, bool or None


def main(argv: list[str] | None = None) -> int:
    """Run ``crsd``; returns the exit code: 0 done, 1 fault. A wrong command line exits with 1 and the usage."""
    os.umask(0o027)
    options = docopt(USAGE, argv=argv, version=f"crs {__version__}")
    try:
        return _run(options)
    except config.ConfigError as error:
        _complain(*error.faults)
    except OperatorFault as error:
        _complain(error)
    except OSError as error:
        _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
    return 1


def _run(options: Options) -> int:
    if options["--init"] is not None:
        return _init(options)
    if options["--print-config"]:
        return _print_config(options["--print-config"])
    home = Home.find(options["--home"])
    if not home.root.is_dir():
        raise OperatorFault(
            f"there is no home {home}; make one with crsd --init {home}, or name another with --home or CRS_HOME"
        )
    if options["--check"]:
        from crs.daemon.doctor import check

        lines, good = check(home)
        print("\n".join(lines))
        return 0 if good else 1
    if options["--module"]:
        return _module(home, options)
    return _host(home, options["--standalone"])


def _init(options: Options) -> int:
    if not options["--init"]:
        raise OperatorFault("--init: no directory is given; write crsd --init DIR")
    home, name, ip = Home(options["--init"]), options["--name"], options["--ip"]
    settings = {
        "key": b64encode(secrets.token_bytes(32)).decode(),
        "host": name,
        "ip": f"{name} {ip}",
        "crsname": name,
        "listen-port": options["--listen-port"],
        "relay-port": options["--relay-port"],
    }
    texts = {file: sample(file, settings) for file in directives.FILES}
    try:
        conf = config.parse(home, texts)
    except config.ConfigError as error:  # without the place: the file does not exist yet
        raise OperatorFault(f"{error.faults[0].what}; {error.faults[0].remedy}") from None
    home.create(texts)
    programs = sys.argv[0].removesuffix("crsd") if sys.argv[0].endswith("crsd") else ""  # called as this one was
    print(
        f"{home} is ready: {conf.name} at {conf.ip}, port {conf.listen_port}/tcp for clients and "
        f"{conf.relay_port}/udp for media\nstart it:    {programs}crsd --home {home} --standalone\n"
        f"talk to it:  CRS_HOME={home} {programs}crs-cli show system"
    )
    return 0


def _print_config(file: str) -> int:
    if file in directives.FILES:
        print(sample(file), end="")
    elif file == "notify.sh":
        print(NOTIFY_SH, end="")
    else:
        raise OperatorFault(f"{file} is no file of the CRS; choose one of: {', '.join(directives.FILES)}, notify.sh")
    return 0


def _host(home: Home, standalone: bool) -> int:
    """Start everything that belongs to one host, and supervise it."""
    from crs.daemon import listen, redis_server
    from crs.daemon.supervisor import Supervisor, children
    from crs.home import lock

    conf = config.load(home)
    home.prepare()
    home.check_restored()
    log.setup(home.crs_log, "crsd")
    held = lock.take(home, _say)
    _hide_identities(home, conf)
    tightened = home.tighten()
    if tightened:
        LOG.warn(
            f"others could read {tightened[0]}"
            + (f" and {len(tightened) - 1} more files and directories" if tightened[1:] else "")
            + ", as after a restore; now they cannot"
        )
    redis = redis_server.find(conf)
    if standalone:
        listen.probe(conf.listen_address, conf.relay_port, socket.SOCK_DGRAM, "relay-port")
    listeners = {
        row.name: listen.tcp(conf.listen_address, conf.number(row.port), len(row.indexes(conf.number)), row.port)
        for row in PROCESSES
        if row.port
    }
    _keep_configuration(home)
    redis_server.remember(home, redis)
    settings = {row.name: redis_server.write_settings(home, row) for row in SERVERS}
    LOG.init(f"crs {__version__}, {conf.name} at {listen.place(conf.listen_address, conf.listen_port)}, redis {redis}")
    done = f"{conf.name} ready on {listen.place(conf.listen_address, conf.listen_port)}" + (
        f", media on {listen.place(conf.listen_address, conf.relay_port)}/udp" if standalone else ""
    )
    processes = children(conf, redis.path, settings, listeners, standalone)
    return Supervisor(home, processes, held, _say if standalone else _silent, done).run()


def _keep_configuration(home: Home) -> None:
    """Copy the files for the modules: one that is restarted reads what the others read, whatever was edited since."""
    home.started_with.mkdir(mode=0o700, exist_ok=True)
    for file in directives.FILES:
        original = home.root / file
        text = original.read_text(encoding="utf-8-sig") if original.exists() else ""
        files.write(home.started_with / file, text)


def _module(home: Home, options: Options) -> int:
    name = options["--module"]
    if name not in MODULES:
        raise OperatorFault(f"there is no module {name[:40]}")
    lifeline = _number(options, "--lifeline-fd")
    conf = config.load(home, None if lifeline is None else home.started_with)
    if lifeline is None:
        home.prepare()
    own_log = log.setup(home.log / MODULES[name].log, name)
    _hide_identities(home, conf)
    start = Start(
        home,
        conf,
        name,
        _number(options, "--index") or 0,
        _number(options, "--listen-fd"),
        lifeline,
        _number(options, "--ready-fd"),
    )
    try:
        code: int = importlib.import_module(f"crs.modules.{name}").main(start)
        return code
    except OperatorFault as error:
        own_log.warn(str(error))
        raise
    except Exception as error:  # its text stays out of the log: what a client sent may be in it
        place = traceback.extract_tb(error.__traceback__)[-1]
        own_log.warn(f"ends: {type(error).__name__} at {place.filename}:{place.lineno}")
        raise


def _hide_identities(home: Home, conf: config.Config) -> None:
    """Have tags written to the log in place of clients' names, unless ``log-identities`` is yes."""
    if conf.log_identities:
        return
    from crs.telemetry import tags
    from crs.trust import months

    try:
        tags.make_key(home)
        key = tags.key(home)
    except OperatorFault as fault:  # names stay out of the log all the same
        LOG.warn(f"{fault}; tags in this process's log cannot be resolved with crs-cli identify")
        key = secrets.token_bytes(tags.KEY_BYTES)
    log.disguise(tags.Tags(key, lambda: months.of(wall_clock())).hide)


def _number(options: dict[str, Any], option: str) -> int | None:
    text = options[option]
    if text is not None and not text.isdecimal():
        raise OperatorFault(f"{option}: {text[:20]} is not a number")
    return None if text is None else int(text)


def _complain(*faults: object) -> None:
    for fault in faults:
        print(f"crsd: {fault}", file=sys.stderr)


def _say(text: str) -> None:
    """Show progress; a terminal that went away is no fault."""
    with suppress(OSError):
        print(text, flush=True)


def _silent(text: str) -> None:
    """Under systemd progress is in the log alone."""


if __name__ == "__main__":
    sys.exit(main())
