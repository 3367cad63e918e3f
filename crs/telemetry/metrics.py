"""Metrics for Prometheus: what each one means, and where its value comes from when somebody asks.

Workers count (``Tally``) and add that to the counters in redis_high every few seconds; everything else is looked up. So
one worker answers for all, and another process that takes its place answers the same. No number, URI or name of a
client is ever a label. Text format 0.0.4 (prometheus.io, exposition formats).
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .. import __version__
from ..config.settings import Config
from ..errors import CrsError
from ..relay.client import RelayClient
from ..store import Store
from ..trust import months
from .tally import BOUNDS

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


class Metric(NamedTuple):
    type: str
    help: str
    labels: dict[str, tuple[str, ...]] = {}  # of a counter: label -> its values, so that each is there from the start


METRICS: dict[str, Metric] = {
    "crs_info": Metric(GAUGE, "1; the version and the host are labels."),
    "crs_clients_attached": Metric(GAUGE, "Devices that are registered on this host."),
    "crs_worker_connections": Metric(GAUGE, "Connections of each worker, registered or not."),
    "crs_loop_stall_seconds": Metric(GAUGE, "The longest that a worker's loop stood still in the last minute."),
    "crs_registrations_total": Metric(
        COUNTER,
        "Clients that registered, unregistered, or were denied.",
        {"result": ("registered", "unregistered", "denied")},
    ),
    "crs_calls": Metric(GAUGE, "Calls that have not ended, by state."),
    "crs_call_states_total": Metric(
        COUNTER,
        "Calls that came into each state.",
        {"state": ("invite", "ringing", "talk", "hangup", "responder not found", "responder not connected")},
    ),
    "crs_call_setup_seconds": Metric(HISTOGRAM, "From the invite until the called device rings."),
    "crs_messages_total": Metric(
        COUNTER,
        "Messages, by what happened to them.",
        {"event": ("posted", "delivered", "acked", "expired", "not-found")},
    ),
    "crs_mailbox_items": Metric(GAUGE, "Messages and reports that wait in the mailboxes of each account."),
    "crs_ledger_difference": Metric(GAUGE, "Items of each account that are lost (+) or came from nowhere (-)."),
    "crs_relay_up": Metric(GAUGE, "1 while the media relay answers."),
    "crs_relay_packets_total": Metric(COUNTER, "Packets of the media relay."),
    "crs_relay_bytes_total": Metric(COUNTER, "Bytes of the media relay."),
    "crs_relay_dropped_total": Metric(COUNTER, "Packets that the media relay dropped, by cause."),
    "crs_push_notifications_total": Metric(COUNTER, "Push notifications.", {"result": ("sent", "failed")}),
    "crs_link_up": Metric(GAUGE, "1 while the link to another system is up: pool, inter-working, push."),
    "crs_redis_latency_seconds": Metric(GAUGE, "How long each Redis took to answer just now."),
    "crs_update_age_days": Metric(GAUGE, "Age of the newest monthly update of each account."),
}


# --- gathering ------------------------------------------------------------------------------------------------------

Sample = tuple[str, dict[str, str], float]  # name, labels, value


class Sources(NamedTuple):
    """Where the values come from. ``clock()`` gives ms since 1970-01-01 UTC."""

    conf: Config
    store: Store
    relay: RelayClient
    clock: Callable[[], int]


def gather(sources: Sources) -> Iterator[Sample]:
    """Every sample of this host as it stands now. Raises Unavailable while Redis is down."""
    yield "crs_info", {"version": __version__, "host": sources.conf.name}, 1
    for source in (_counters, _setup, _workers, _calls, _ledgers, _relay, _links, _redis, _updates):
        yield from source(sources)


def _counters(sources: Sources) -> Iterator[Sample]:
    counted = sources.store.figures.read()
    for name, metric in METRICS.items():
        for label, values in metric.labels.items():
            for value in values:
                key = f"{name.removeprefix('crs_').removesuffix('_total')} {value}"
                yield name, {label: value}, counted.get(key, 0)


def _setup(sources: Sources) -> Iterator[Sample]:
    counted, below = sources.store.figures.read(), 0
    for bound, shown in [(str(bound), f"{bound / 1000:g}") for bound in BOUNDS] + [("+Inf", "+Inf")]:
        below += counted.get(f"setup {bound}", 0)
        yield "crs_call_setup_seconds_bucket", {"le": shown}, below
    yield "crs_call_setup_seconds_sum", {}, counted.get("setup sum", 0) / 1000
    yield "crs_call_setup_seconds_count", {}, below


def _workers(sources: Sources) -> Iterator[Sample]:
    yield "crs_clients_attached", {}, sources.store.figures.attached(sources.conf.name)
    for process in sources.store.directory.processes(sources.clock()):
        if process.host == sources.conf.name:
            yield "crs_worker_connections", {"worker": process.name}, process.clients
            yield "crs_loop_stall_seconds", {"worker": process.name}, process.worst / 1000


def _calls(sources: Sources) -> Iterator[Sample]:
    found = Counter(call.state for call in sources.store.calls.live(sources.store.buckets(0, 1)))
    for state in ("invite", "ringing", "talk"):
        yield "crs_calls", {"state": state}, found[state]


def _ledgers(sources: Sources) -> Iterator[Sample]:
    for account, sheet in sorted(sources.store.conservation.sheets(sources.clock()).items()):
        yield "crs_mailbox_items", {"account": account}, sheet.stored
        yield "crs_ledger_difference", {"account": account}, sheet.difference


def _relay(sources: Sources) -> Iterator[Sample]:
    try:
        sections = sources.relay.stats()
    except CrsError:
        yield "crs_relay_up", {}, 0
        return
    yield "crs_relay_up", {}, 1
    for kind, figures in sections.items():
        if "rxBytes" in figures:
            for way in ("rx", "tx"):
                labels = {"kind": kind, "direction": way}
                yield "crs_relay_packets_total", labels, figures[way]
                yield "crs_relay_bytes_total", labels, figures[f"{way}Bytes"]
    for section in ("Sent", "Received"):
        for cause, count in sections[section].items():
            if cause.startswith("error"):
                yield "crs_relay_dropped_total", {"cause": cause}, count
    for cause, count in sections["Dropped"].items():
        yield "crs_relay_dropped_total", {"cause": cause}, count


def _links(sources: Sources) -> Iterator[Sample]:
    """This release connects none: what is configured is shown as down."""
    for peer in sorted(sources.store.operator.peers()):
        yield "crs_link_up", {"kind": "iw", "peer": peer}, 0
    for host in sorted(set(sources.conf.hosts) - {sources.conf.name}):
        yield "crs_link_up", {"kind": "pool", "peer": host}, 0
    if sources.conf.cps is not None:
        yield "crs_link_up", {"kind": "push", "peer": "cps"}, 0


def _redis(sources: Sources) -> Iterator[Sample]:
    for redis in (sources.store.high, sources.store.low):
        began = time.monotonic()
        redis.call("PING")
        yield "crs_redis_latency_seconds", {"server": redis.name}, round(time.monotonic() - began, 6)


def _updates(sources: Sources) -> Iterator[Sample]:
    newest: dict[str, int] = {}
    for (account, _), created in sources.store.accounts.created().items():
        newest[account] = max(created, newest.get(account, 0))
    for account, created in sorted(newest.items()):
        yield "crs_update_age_days", {"account": account}, round((sources.clock() - created) / months.DAY, 3)


# --- telling --------------------------------------------------------------------------------------------------------


def text(samples: Iterable[Sample]) -> str:
    """Samples in the text format, those of a metric together and under its help."""
    by_metric: dict[str, list[str]] = {name: [] for name in METRICS}
    for name, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
        by_metric[_metric_of(name)].append(f"{name}{{{shown}}} {value}" if shown else f"{name} {value}")
    lines = []
    for name, found in by_metric.items():
        lines += [f"# HELP {name} {METRICS[name].help}", f"# TYPE {name} {METRICS[name].type}", *found]
    return "\n".join(lines) + "\n"


def _metric_of(sample: str) -> str:
    return sample if sample in METRICS else sample.rpartition("_")[0]  # _bucket, _sum, _count


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def address(conf: Config) -> str:
    """The loopback address at which the metrics are told."""
    own = ipaddress.ip_address(str(conf.ip))
    return str(own) if own.is_loopback else "127.0.0.1"
