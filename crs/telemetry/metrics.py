"""Metrics for Prometheus: what each one means, and where its value comes from when somebody asks.

Workers count (``Tally``) and add that to the counters in redis_high every few seconds; everything else is looked up. So
one worker answers for all, and another process that takes its place answers the same. No number, URI or name of a
client is ever a label. Text format 0.0.4 (prometheus.io, exposition formats). Never here: when things are counted.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from .. import __version__
from ..errors import CrsError
from ..trust import months

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
BOUNDS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)  # ms, of the set-up time's histogram


class Metric(NamedTuple):
    type: str
    help: str
    labels: dict[str, tuple[str, ...]] = {}  # of a counter: label -> its values, so that each is there from the start


METRICS: dict[str, Metric] = {
    "crs_info": Metric(GAUGE, "1; the version and the host are labels."),
    "crs_clients_attached": Metric(GAUGE, "Devices that are registered on this host."),
    "crs_worker_connections": Metric(GAUGE, "Connections of each worker, registered or not."),
    "crs_loop_stall_seconds": Metric(GAUGE, "The longest that a worker's loop stood still in the last few seconds."),
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

_EVENTS = {"posted content": "posted", "posted ack": "acked"}  # trace message -> event


class Tally:
    """What one worker counted since it was taken."""

    def __init__(self):
        self._counted: Counter[str] = Counter()

    def count(self, name: str, label: str, by: int = 1) -> None:
        """``name``: a counter of METRICS, without ``crs_`` and ``_total``."""
        self._counted[f"{name} {label}"] += by

    def note(self, element: str, fields: tuple) -> None:
        """Count an event of the trace (manual, chapter 5)."""
        if element == "message":
            self.count("messages", _EVENTS.get(fields[2], fields[2]))
        elif element == "attach":
            self.count("registrations", fields[6])

    def note_call(self, state: str, age: int) -> None:
        """Count a call that came into a state, ``age`` ms after it was created."""
        self.count("call_states", state)
        if state == "ringing":
            self.count("setup", str(next((bound for bound in BOUNDS if age <= bound), "+Inf")))
            self.count("setup", "sum", max(0, age))

    def take(self) -> Counter[str]:
        counted, self._counted = self._counted, Counter()
        return counted

    def give_back(self, counted: Counter[str]) -> None:
        """What was taken could not be stored."""
        self._counted.update(counted)


# --- gathering ------------------------------------------------------------------------------------------------------

Sample = tuple[str, dict[str, str], float]  # name, labels, value


def gather(worker) -> Iterator[Sample]:
    """Every sample of this host as it stands now. Raises Unavailable while Redis is down."""
    yield "crs_info", {"version": __version__, "host": worker.host}, 1
    for source in (_counters, _setup, _workers, _calls, _ledgers, _relay, _links, _redis, _updates):
        yield from source(worker)


def _counters(worker) -> Iterator[Sample]:
    counted = worker.store.figures.read()
    for name, metric in METRICS.items():
        for label, values in metric.labels.items():
            for value in values:
                key = f"{name.removeprefix('crs_').removesuffix('_total')} {value}"
                yield name, {label: value}, counted.get(key, 0)


def _setup(worker) -> Iterator[Sample]:
    counted, below = worker.store.figures.read(), 0
    for bound in (*BOUNDS, "+Inf"):
        below += counted.get(f"setup {bound}", 0)
        shown = bound if bound == "+Inf" else f"{bound / 1000:g}"
        yield "crs_call_setup_seconds_bucket", {"le": shown}, below
    yield "crs_call_setup_seconds_sum", {}, counted.get("setup sum", 0) / 1000
    yield "crs_call_setup_seconds_count", {}, below


def _workers(worker) -> Iterator[Sample]:
    yield "crs_clients_attached", {}, worker.store.figures.attached(worker.host)
    for process in worker.store.directory.processes(worker.clock()):
        if process.host == worker.host:
            yield "crs_worker_connections", {"worker": process.name}, process.clients
            yield "crs_loop_stall_seconds", {"worker": process.name}, process.stall / 1000


def _calls(worker) -> Iterator[Sample]:
    found = Counter(call.state for call in worker.store.calls.live(worker.store.buckets(0, 1)))
    for state in ("invite", "ringing", "talk"):
        yield "crs_calls", {"state": state}, found[state]


def _ledgers(worker) -> Iterator[Sample]:
    for account, sheet in sorted(worker.store.conservation.sheets(worker.clock()).items()):
        yield "crs_mailbox_items", {"account": account}, sheet.stored
        yield "crs_ledger_difference", {"account": account}, sheet.difference


def _relay(worker) -> Iterator[Sample]:
    try:
        sections = worker.relay.stats()
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


def _links(worker) -> Iterator[Sample]:
    """This release connects none: what is configured is shown as down."""
    for peer in sorted(worker.store.operator.peers()):
        yield "crs_link_up", {"kind": "iw", "peer": peer}, 0
    for host in sorted(set(worker.conf.hosts) - {worker.host}):
        yield "crs_link_up", {"kind": "pool", "peer": host}, 0
    if worker.conf.cps is not None:
        yield "crs_link_up", {"kind": "push", "peer": "cps"}, 0


def _redis(worker) -> Iterator[Sample]:
    for redis in (worker.store.high, worker.store.low):
        began = time.monotonic()
        redis.call("PING")
        yield "crs_redis_latency_seconds", {"server": redis.name}, round(time.monotonic() - began, 6)


def _updates(worker) -> Iterator[Sample]:
    newest: dict[str, int] = {}
    for (account, _), created in worker.store.accounts.created().items():
        newest[account] = max(created, newest.get(account, 0))
    for account, created in sorted(newest.items()):
        yield "crs_update_age_days", {"account": account}, round((worker.clock() - created) / months.DAY, 3)


# --- telling --------------------------------------------------------------------------------------------------------


def text(samples) -> str:
    """Samples in the text format, those of a metric together and under its help."""
    by_metric: dict[str, list[str]] = {name: [] for name in METRICS}
    for name, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(one)}"' for label, one in labels.items())
        by_metric[_metric_of(name)].append(f"{name}{{{shown}}} {value}" if shown else f"{name} {value}")
    lines = []
    for name, found in by_metric.items():
        lines += [f"# HELP {name} {METRICS[name].help}", f"# TYPE {name} {METRICS[name].type}", *found]
    return "\n".join(lines) + "\n"


def _metric_of(sample: str) -> str:
    return sample if sample in METRICS else sample.rpartition("_")[0]  # _bucket, _sum, _count


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def address(conf) -> str:
    """The loopback address at which the metrics are told."""
    own = ipaddress.ip_address(str(conf.ip))
    return str(own) if own.is_loopback else "127.0.0.1"


def serve(worker):
    """Answer ``GET /metrics`` from now on; returns the server. Raises OSError where the port is taken."""
    from gevent.pywsgi import WSGIServer

    def answer(environ, start):
        status, body = _answer(worker, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        start(status, [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
        return [body.encode()]

    server = WSGIServer((address(worker.conf), worker.conf.metrics_port), answer, log=None)
    server.start()
    return server


def _answer(worker, method: str, path: str) -> tuple[str, str]:
    if path != "/metrics":
        return "404 Not Found", "the metrics are at /metrics\n"
    if method != "GET":
        return "405 Method Not Allowed", "GET\n"
    try:
        return "200 OK", text(gather(worker))
    except CrsError as error:
        return "503 Service Unavailable", f"{error}\n"
