"""The configuration of one host: its three files as one checked value, or every fault in them at once.

Single lines are checked by ``values`` and ``file``; here is checked what must hold between them. Whether the machine
offers what they ask for is checked by ``crs.daemon.doctor``.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from crs import names
from crs.config import directives
from crs.config.file import ConfigFault, Reading, Setting
from crs.config.values import DEFAULT_KEEP_ALIVE, Clients, Cps, KeepAliveRule
from crs.errors import OperatorFault
from crs.home.paths import Home

_TCP_PORTS = ("listen-port", "failover-port", "sync-port", "iw-listen-port", "metrics-port")
_Rule = TypeVar("_Rule")


class ConfigError(OperatorFault):
    """The configuration cannot be used. ``faults`` has all that is wrong; the text is the first one."""

    def __init__(self, faults: list[ConfigFault]):
        more = f" (and {len(faults) - 1} more, see crsd --check)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0]}{more}")
        self.faults = faults


class Config:
    """What the three files say, checked and complete: an attribute for each directive (``listen-port`` is
    ``.listen_port``; units and bounds stand in ``directives``), and what follows from them."""

    home: Home
    settings: list[Setting]  # the lines as written
    notes: list[ConfigFault]  # what an operator should know, though nothing is wrong
    name: str  # of this host
    hosts: dict[str, str]  # the pool in the order of the file: name to address
    relay_limits: dict[str, int | None]  # kind of relay to how many there may be; None: any number

    key: str | None
    features: frozenset[str]
    cps: Cps | None
    push_config: str
    keep_alive: tuple[tuple[Clients, KeepAliveRule], ...]
    detach_cleanup: tuple[tuple[Clients, int], ...]
    addr_map: dict[str, str]
    iw_listen_port: int
    listen_port: int
    relay_port: int
    failover_port: int
    sync_port: int
    metrics_port: int
    handshake_timeout: int
    upgrade_timeout: int
    max_request: int
    control_rate: int
    send_queue: int
    send_timeout: int
    mailbox_count: int
    mailbox_bytes: int
    storage_bytes: int
    message_expiry: int
    ring_timeout: int
    session_keep: int
    relay_expiry: int
    media_offload: str
    device_expiry: int
    update_grace: int
    log_identities: bool
    ip: str  # of this host
    host: tuple[str, ...]
    app: tuple[None, ...]
    crsname: str | None
    db_backup: str
    attach_workers: int
    listen_address: str  # ``ip`` where none is given
    redis_server: str | None
    max_rtp_relays: int | None
    max_rtp_proxy_relays: int | None
    max_opaque_relays: int | None
    max_opaque_proxy_relays: int | None
    max_opaque_multicast_relays: int | None

    def __init__(self, home: Home, settings: list[Setting]):
        """While the files are not checked, what they do not say is ""."""
        self.home = home
        self.settings = settings
        self.notes = list(_notes(settings))
        given: dict[str, list[Any]] = {}
        for setting in settings:
            given.setdefault(setting.name, []).append(setting.value)
        for row in directives.DIRECTIVES:
            values = given.get(row.name, [])
            setattr(self, row.attribute, tuple(values) if row.repeats else values[0] if values else row.default_value())
        addresses = dict(given.get("ip", ()))
        self.name = self.crsname or ""
        self.hosts = {host: addresses.get(host, "") for host in self.host}
        self.ip = addresses.get(self.name, "")
        self.listen_address = self.listen_address or self.ip
        self.addr_map = dict(given.get("addr-map", ()))
        self.relay_limits = {kind: getattr(self, f"max_{kind.lower()}_relays") for kind in directives.RELAY_KINDS}

    def number(self, directive: str) -> int:
        """The value of a directive that holds a number, such as ``listen-port``."""
        value: int = getattr(self, directive.replace("-", "_"))
        return value

    def keep_alive_for(self, ip: str, client: names.Client | None = None) -> KeepAliveRule:
        """How the connection of this client is watched: the first rule that matches, else the default."""
        return _first_match(self.keep_alive, ip, client, DEFAULT_KEEP_ALIVE)

    def detach_cleanup_for(self, ip: str, client: names.Client | None = None) -> int | None:
        """Milliseconds after which an unregistered client's connection is closed, or None: it stays."""
        return _first_match(self.detach_cleanup, ip, client, None)


def load(home: str | Path | Home, folder: Path | None = None) -> Config:
    """Read the configuration of ``home`` (from ``folder``, where its files lie elsewhere). Raises ConfigError."""
    home = home if isinstance(home, Home) else Home(home)
    reading = Reading()
    for file in directives.FILES:
        reading.file((folder or home.root) / file)
    return _checked(home, reading)


def parse(home: Home, texts: dict[str, str]) -> Config:
    """The same from texts (name of the file to its text), for a home that is not there yet."""
    reading = Reading()
    for file, text in texts.items():
        reading.text(file, text)
    return _checked(home, reading)


def _checked(home: Home, reading: Reading) -> Config:
    config = Config(home, reading.settings)
    faults = [*reading.faults, *_repeated(reading.settings)]
    # What follows from a line that is wrong anyway is not reported too.
    faults += [fault for about, fault in _contradictions(config) if not about & reading.broken]
    if faults:
        raise ConfigError(sorted(faults, key=_place))
    return config


def _place(fault: ConfigFault) -> tuple[int, bool, int]:
    """In the order of the files and lines; what is missing in a file comes behind what is wrong in it."""
    return list(directives.FILES).index(fault.file), fault.line == 0, fault.line


def _first_match(rules: Iterable[tuple[Clients, _Rule]], ip: str, client: names.Client | None, default: _Rule) -> _Rule:
    address = names.ip(ip)
    for who, rule in rules:
        if who == client if isinstance(who, names.Client) else address in who:
            return rule
    return default


def _notes(settings: list[Setting]) -> Iterator[ConfigFault]:
    for setting in settings:
        if setting.directive.obsolete:
            yield setting.fault(f"{setting.name} is ignored since {setting.directive.obsolete}", "remove the line")
        elif not setting.directive.effective:
            yield setting.fault(f"{setting.name} is not yet effective", "it is checked, and counts in a later release")


def _repeated(settings: list[Setting]) -> Iterator[ConfigFault]:
    """What is given twice and may be given once: a directive, or the host or address that it is about."""
    first: dict[str, Setting] = {}
    for setting in settings:
        if setting.name in ("ip", "addr-map"):
            line = f"{setting.name} {setting.value[0]}"
        elif setting.name == "host":
            line = f"host {setting.value}"
        elif setting.directive.repeats:
            continue
        else:
            line = setting.name
        seen = first.setdefault(line, setting)
        if seen is not setting:
            yield setting.fault(f"{line} stands in line {seen.line} already", "remove one of the two lines")


def _contradictions(config: Config) -> Iterator[tuple[set[str], ConfigFault]]:
    """Contradictions between settings, each with the names of the directives that it is about."""
    for setting in config.settings:
        if setting.name == "ip":
            host, address = setting.value
            yield from _of_address(config, host, address, setting)
        elif setting.name == "host" and not config.hosts[setting.value]:
            yield (
                {"ip"},
                setting.fault(f"{setting.value} has no address", f"add the line: ip {setting.value} <address>"),
            )
        elif setting.name == "crsname" and config.hosts and setting.value not in config.hosts:
            yield (
                {"host"},
                setting.fault(f"{setting.value} is not a host of crs.conf", "write the name of one of its host lines"),
            )
        elif setting.name == "features" and "push" in setting.value and config.cps is None:
            yield {"cps"}, setting.fault("push needs a push server", "add the line: cps <host> <port> <id> <secret>")
    yield from _missing(config)
    yield from _same_port(config)


def _of_address(config: Config, host: str, address: str, setting: Setting) -> Iterator[tuple[set[str], ConfigFault]]:
    if host not in config.hosts:
        yield {"host"}, setting.fault(f"{host} is not declared as a host", f"add the line: host {host}")
    owner = next((name for name, ip in config.hosts.items() if ip == address), host)
    if owner != host:
        yield set(), setting.fault(f"{address} is the address of {owner} too", "give each host an address of its own")


def _missing(config: Config) -> Iterator[tuple[set[str], ConfigFault]]:
    if not config.hosts:
        yield (
            {"host"},
            ConfigFault("crs.conf", 0, 0, "no host of the pool is declared", "add a line such as: host crs1"),
        )
    if len(config.hosts) > 1 and config.key is None:
        yield (
            {"key"},
            ConfigFault(
                "crs.conf",
                0,
                0,
                "the hosts of the pool share no secret",
                "add the line: key <shared secret>, with one from crs-cli create sharedSecret -B32",
            ),
        )
    if not config.name:
        yield (
            {"crsname"},
            ConfigFault(
                "crs-local.conf",
                0,
                0,
                "it is not said which host of the pool this is",
                "add a line such as: crsname crs1",
            ),
        )


def _same_port(config: Config) -> Iterator[tuple[set[str], ConfigFault]]:
    """The TCP ports of a host must differ; the media port is UDP."""
    owners: dict[int, str] = {}
    for name in _TCP_PORTS:
        port = config.number(name)
        other = owners.setdefault(port, name)
        if other != name:
            line = next(setting for setting in reversed(config.settings) if setting.name in (name, other))
            yield {name, other}, line.fault(f"{name} and {other} are both {port}", "choose a port of its own for each")
