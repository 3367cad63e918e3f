"""What happens to clients when a worker dies, the host stops, the supervisor dies, or a client misbehaves."""

import itertools
import os
import signal
import subprocess
import sys

import pytest
from gevent import socket

from ..hosts import PATIENCE, ROOT, Domain, Host, running, wait_for
from ..raw import RawClient, Refused
from .conftest import URIS
from .load import attach

ALICE, BOB, CAROL = URIS[:3]


def raw(host, domain, uri: str, worker: str | None = None, **more) -> RawClient:
    """A registered client; on ``worker``, if that is given (the kernel chooses: tried until it is)."""
    for _ in range(100):
        client = RawClient(host.address, domain.month(uri), **more)
        client.registered = client.register()
        if worker in (None, client.registered["worker"]):
            return client
        client.close()
    raise AssertionError(f"100 connections, none on {worker}")


def attached(host) -> set[str]:
    return {row["uri"] for row in host.rows("show", "attach")}


def test_a_killed_worker_leaves_no_entry_and_its_clients_come_back(host, domain):
    staying = raw(host, domain, ALICE, "attach:1")
    lost = raw(host, domain, BOB, "attach:0")
    back = attach(host, domain, CAROL, avoid_worker="attach:1").start()
    assert back.wait_registered(30).worker == "attach:0"
    host.kill("app:attach:0")
    lost.wait_closed()
    wait_for(lambda: back.attaches == 2 and back.registered, "the client is back")
    wait_for(lambda: attached(host) == {ALICE, CAROL}, "the entry of the lost one is dropped")
    with pytest.raises(Refused, match="not-connected"):
        staying.call("session.invite", {"id": "c1", "to": BOB})
    invited = staying.call("session.invite", {"id": "c2", "to": CAROL})
    assert invited["state"] == "invite"
    back.close()
    staying.close()


def test_a_stop_tells_clients_to_go_and_serves_them_meanwhile(host, domain):
    clients = [raw(host, domain, uri, worker) for uri, worker in ((ALICE, "attach:0"), (BOB, "attach:1"))]
    host.process.send_signal(signal.SIGTERM)
    for client in clients:
        assert client.notification("reconnect")["reason"] == "server-stopping"
    posted = clients[0].call("message.post", {"id": "m1", "to": BOB, "body": "last words"})
    assert posted["id"] == "m1"
    for client in clients:
        closed = client.wait_closed()
        assert (closed.code, closed.reason) == (1001, "server stopping")
    assert host.stop() == 0
    host.start()
    bob = raw(host, domain, BOB)
    assert [item["body"] for item in bob.call("message.fetch")["messages"]] == ["last words"]
    assert attached(host) == {BOB}
    bob.close()


def test_the_supervisors_death_ends_all_and_a_new_start_is_clean(host, domain):
    clients = [raw(host, domain, uri, worker) for uri, worker in ((ALICE, "attach:0"), (BOB, "attach:1"))]
    clients[0].call("message.post", {"id": "m1", "to": BOB, "body": "kept"})
    children = set(host.pids().values())
    host.kill("supervisor")
    for client in clients:
        client.wait_closed()
    host.process.wait()
    host.start()
    assert not children & set(host.pids().values())
    assert attached(host) == set()
    log = (host.home / "log" / "crs.log").read_text()
    assert "attach:0 ends: the supervisor is gone" in log and "attach:1 ends: the supervisor is gone" in log
    bob = raw(host, domain, BOB)
    assert [item["body"] for item in bob.call("message.fetch")["messages"]] == ["kept"]
    bob.close()
    assert host.stop() == 0


def test_one_that_does_not_read_and_many_that_say_nothing_hinder_nobody(host, domain):
    sender, receiver = raw(host, domain, ALICE, "attach:0"), raw(host, domain, BOB, "attach:0")
    slow = raw(host, domain, CAROL, "attach:0", window=4096)
    for index in range(20):
        sender.call("message.post", {"id": f"s{index}", "to": CAROL, "body": "x" * 50_000})
    slow.stop_reading()
    for _ in range(100):  # 50 MB of answers: more than the kernel and its queue hold
        slow.send("message.fetch", {"limit": 100})
    silent = [socket.create_connection(host.address) for _ in range(100)]
    half = RawClient(host.address, domain.month(URIS[3]))
    half.tls.sock.send(b"\x17\x03\x03\x40\x00")  # the head of a TLS record that never comes
    for index in range(50):
        sender.call("message.post", {"id": f"m{index}", "to": BOB, "body": "on it goes"})
    fetched = receiver.call("message.fetch", {"limit": 100})["messages"]
    assert [item["id"] for item in fetched] == [f"m{index}" for index in range(50)]
    assert slow.closed is None and CAROL in attached(host)  # all that while it was there
    for connection in (*silent, half, slow, sender, receiver):
        connection.close()


def test_a_crowded_worker_asks_some_of_its_clients_to_move(tmp_path):
    with running(tmp_path, local="attach-workers 4") as host:
        domain = Domain(host, "acme", URIS)
        crowd, others = [], []
        for index in itertools.count():
            client = RawClient(host.address, domain.month(f"+4671{index:07d}"))
            worker = client.register()["worker"]
            (crowd if worker == "attach:0" else others).append(client)
            if worker != "attach:0":
                client.close()
            if len(crowd) == 90:  # 1.5 times the mean of four, and 50, is 83
                break

        def told():
            return [
                client
                for client in crowd
                if any(message["method"] == "reconnect" for message in list(client.notifications.queue))
            ]

        asked = wait_for(told, "some are asked to move")
        assert asked[0].notification("reconnect") == {"reason": "balance", "within": 30_000}
        assert len(asked) < len(crowd) / 2
        for client in crowd:
            client.close()


def test_a_worker_whose_store_never_comes_ends_with_the_supervisor(tmp_path):
    """Supervisor and Redis are gone while a worker begins: nobody else would end it, and a new start would wait."""
    host = Host(tmp_path).start()
    host.stop()
    log = host.home / "log" / "crs.log"
    log.unlink()
    reading, writing = os.pipe()
    with socket.socket() as listener, open(tmp_path / "out", "w") as out:
        listener.bind(host.address)
        listener.listen()
        worker = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "crs.daemon.main",
                "--module",
                "attach",
                "--index",
                "0",
                "--home",
                host.home,
                "--lifeline-fd",
                str(reading),
                "--listen-fd",
                str(listener.fileno()),
            ],
            stdout=out,
            stderr=out,
            pass_fds=(reading, listener.fileno()),
            cwd=ROOT,
        )
    os.close(reading)
    wait_for(lambda: log.exists() and "accounts: " in log.read_text(), "it tries")
    assert worker.poll() is None
    os.close(writing)
    assert worker.wait(PATIENCE) == 0
