"""The metrics of a real host, read as Prometheus reads them."""

import re
import signal
import time
import urllib.error
import urllib.request

import pytest

from crs.home.paths import Home
from crs.names import Client
from crs.store import Store, schema
from crs.store.items import Draft, Quota
from crs.telemetry.metrics import METRICS

from ..hosts import Domain, running, wait_for
from ..ports import free_port
from ..raw import RawClient, Refused
from . import shows

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"]*",?)+)\})? (-?[0-9.e+-]+)')
DROPPED = "crs_relay_dropped_total"


class Prometheus:
    """Asks a host for its metrics."""

    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}/metrics"

    def text(self) -> str:
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return answer.read().decode()

    def samples(self) -> dict[str, float]:
        """By name and labels as written."""
        found = {}
        for line in self.text().splitlines():
            if not line.startswith("#"):
                match = SAMPLE.fullmatch(line)
                assert match, line
                found[line.rpartition(" ")[0]] = float(match[3])
        return found

    def wait(self, sample: str, condition, what: str = "") -> float:
        """Until a sample is as it should be."""

        def look():
            try:
                value = self.samples().get(sample)
                return value is not None and condition(value)
            except OSError:
                return False

        wait_for(look, f"{sample} {what}")
        return self.samples()[sample]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def host(tmp_path_factory, port):
    with running(tmp_path_factory.mktemp("host"), directives=f"metrics-port {port}\nsession-keep 1") as running_host:
        yield running_host


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "acme", ["+46701111111"])


@pytest.fixture(scope="module")
def prometheus(host, domain, port):
    wait_for(lambda: len(host.rows("show", "account")) == 2, "both workers have the account")
    asking = Prometheus(port)
    asking.wait('crs_mailbox_items{account="acme"}', lambda value: value == 0)
    return asking


@shows("metrics-port")
def test_what_a_call_and_a_message_change(host, prometheus):
    before = prometheus.samples()
    assert host.run("crs-cli", "health-check", "account", "acme").returncode in (0, 3)  # 3: the month is nearly over
    prometheus.wait('crs_messages_total{event="acked"}', lambda value: value == 1)
    prometheus.wait('crs_call_states_total{state="hangup"}', lambda value: value == 1)
    after = prometheus.samples()
    grown = {name: after[name] - before[name] for name in before}
    for name in (
        'crs_messages_total{event="posted"}',
        'crs_messages_total{event="delivered"}',
        *(f'crs_call_states_total{{state="{state}"}}' for state in ("invite", "ringing", "talk", "hangup")),
        "crs_call_setup_seconds_count",
        'crs_call_setup_seconds_bucket{le="+Inf"}',
    ):
        assert grown[name] == 1, name
    assert grown['crs_registrations_total{result="registered"}'] == 2
    assert grown["crs_call_setup_seconds_sum"] > 0
    assert grown['crs_relay_packets_total{kind="RTP",direction="tx"}'] >= 50
    assert grown['crs_relay_bytes_total{kind="RTP",direction="rx"}'] >= 50 * 172
    assert after["crs_clients_attached"] == 0 and after['crs_calls{state="talk"}'] == 0


def test_every_metric_is_shown_and_none_names_a_client(host, prometheus):
    host.cli("add", "iw-crs", "192.0.2.1", "0123456789abcdef0123456789abcdef")
    told = prometheus.text()
    host.cli("delete", "iw-crs", "192.0.2.1")
    for name, metric in METRICS.items():
        assert f"# HELP {name} {metric.help}\n# TYPE {name} {metric.type}\n{name}" in told
    assert "+46" not in told and "urn:" not in told
    samples = prometheus.samples()
    assert samples['crs_ledger_difference{account="acme"}'] == 0 and samples["crs_relay_up"] == 1
    assert 0 <= samples['crs_update_age_days{account="acme"}'] < 1
    assert samples['crs_redis_latency_seconds{server="redis_low"}'] < 5
    assert {f'crs_worker_connections{{worker="attach:{index}"}}' for index in (0, 1)} <= set(samples)


def test_expired_and_waiting_messages(host, prometheus):
    store, now = Store.direct(Home(host.home), "crs1"), time.time_ns() // 1_000_000
    alice, bob = Client("+46701111111", "acme"), Client("+46702222222", "acme")
    store.mailbox.post(Draft(bob, alice, "1", "content", now + 1, "body"), now, Quota(10, 10_000))
    prometheus.wait('crs_messages_total{event="expired"}', lambda value: value == 1)
    host.cli("create", "account", "other")  # the books are compared at once when the accounts change
    assert prometheus.wait('crs_mailbox_items{account="acme"}', lambda value: value == 1) == 1  # alice's report
    store.low.call("HSET", schema.mail(alice), "from", "nowhere")
    host.cli("delete", "account", "other", "--yes")
    prometheus.wait('crs_ledger_difference{account="acme"}', lambda value: value == -1)
    store.low.call("HDEL", schema.mail(alice), "from")
    store.close()


def test_attached_denied_and_who_is_not_found(host, domain, prometheus):
    client = RawClient(host.address, domain.month("+46701111111"))
    client.call("register", {"device_id": "phone", "version": "1"})
    with pytest.raises(Refused, match="not-found"):
        client.call("message.post", {"id": "1", "to": "+46709999999", "body": "x"})
    with pytest.raises(Refused, match="not-found"):
        client.call("session.invite", {"id": "1", "to": "+46709999999"})
    assert prometheus.wait("crs_clients_attached", lambda value: value == 1)
    prometheus.wait('crs_messages_total{event="not-found"}', lambda value: value == 1)
    prometheus.wait('crs_call_states_total{state="responder not found"}', lambda value: value == 1)
    host.cli("blacklist", "add", "acme", "+46701111111")
    prometheus.wait("crs_clients_attached", lambda value: value == 0)
    with pytest.raises(Refused, match="denied"):
        client.call("register", {"device_id": "phone", "version": "1"})
    prometheus.wait('crs_registrations_total{result="denied"}', lambda value: value == 1)
    host.cli("blacklist", "remove", "acme", "+46701111111")
    client.close()


def test_dropped_packets(host, prometheus):
    from gevent import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"\x80" + bytes(100), host.media)
    prometheus.wait(DROPPED + '{cause="unbound"}', lambda value: value == 1)


def test_counters_outlive_the_worker_that_counted_and_the_one_that_tells(host, prometheus):
    before = prometheus.samples()['crs_messages_total{event="posted"}']
    assert before > 0
    for worker in ("app:attach:0", "app:attach:1"):
        kill_and_wait(host, worker)
    prometheus.wait("crs_relay_up", lambda value: value == 1)
    assert prometheus.samples()['crs_messages_total{event="posted"}'] == before


def kill_and_wait(host, name: str) -> None:
    old = host.kill(name, signal.SIGKILL)
    wait_for(lambda: host.pids().get(name, old) != old, f"{name} is back")


def test_what_else_may_be_asked(prometheus):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(prometheus.url.replace("/metrics", "/"), timeout=10)
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(prometheus.url, data=b"x", timeout=10)


def test_a_relay_that_does_not_answer_is_shown_as_down(host, prometheus):
    host.kill("crs_relay", signal.SIGSTOP)
    prometheus.wait("crs_relay_up", lambda value: value == 0)
    host.kill("crs_relay", signal.SIGCONT)
    prometheus.wait("crs_relay_up", lambda value: value == 1)
