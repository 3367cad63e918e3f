"""Backup of a host that works, and its restore into a fresh home by the manual's own commands (chapter 4.20)."""

import getpass
import os
import stat
import subprocess
import sys
import tarfile

import gevent
import pytest

from crs.home.paths import Home
from crs.store import Store
from test.hosts import ROOT, Domain, Host, wait_for
from test.raw import RawClient

ALICE, BOB, CAROL, DESK = "+46700000001", "+46700000002", "+46700000003", "urn:x-crs:client:desk"
LISTED = [ALICE, BOB, CAROL, DESK]

# The manual's, but for the user: there is none of that name here.
RESTORE = """
tar xfv {archive} -C /
chown -R {user}: {home}
chmod 644 {home}/crs.conf
chmod 644 {home}/crs-local.conf
chmod -R 644 {home}/accounts
chmod 755 {home}/accounts
chmod 755 {home}/accounts/*
"""


def restore(host: Host, archive) -> None:
    """All as written. What chmod -R may not walk into (it took the x from a directory) only root walks into."""
    for line in RESTORE.format(archive=archive, home=host.home, user=getpass.getuser()).strip().splitlines():
        done = subprocess.run(line, shell=True, capture_output=True, text=True)
        assert done.returncode == 0 or os.geteuid() != 0 and line.startswith("chmod -R"), done


def contents(host: Host) -> dict[bytes, object]:
    """Every key of redis_low and what it holds, but for those of the account that has the load, and deadlines."""
    low = Store.direct(Home(host.home), "crs1").low
    reading = {b"hash": "HGETALL", b"set": "SMEMBERS", b"zset": "ZRANGEBYSCORE", b"string": "GET"}
    found = {}
    for key, kind in low.each("*", lambda key: ("TYPE", key)):
        if b"busy" in key or key.startswith(b"due:"):
            continue
        more = ("-inf", "+inf", "WITHSCORES") if kind == b"zset" else ()
        value = low.call(reading[kind], key, *more)
        pairs = zip(value[::2], value[1::2], strict=True) if kind in (b"hash", b"zset") else value
        found[key] = value if kind == b"string" else sorted(pairs)
    low.close()
    return found


def shown(host: Host, *accounts: str) -> dict:
    """What an operator sees of all that lasts."""
    actions = [
        ("list", "account"),
        ("list", "iw-crs"),
        ("list", "conference-room"),
        ("show", "admins"),
        ("show", "updates"),
        *(
            ("show", element, account)
            for account in accounts
            for element in ("blacklist", "client-info", "client-storage")
        ),
    ]
    return {action: host.rows(*action) for action in actions}


def fill(host: Host) -> tuple[Domain, list[str]]:
    """Something of every kind; the ids of messages that wait for Bob."""
    acme, emca = Domain(host, "acme", LISTED, ("emca",)), Domain(host, "emca", [ALICE], ("acme",))
    host.cli("blacklist", "add", "acme", CAROL)
    host.cli("add", "iw-crs", "192.0.2.9", "0123456789abcdefghijkl", "-c", "a peer")
    host.cli("create", "admin", "root")
    host.cli("add", "admin-account", "root", "acme")
    host.cli("create", "conference-room", "123456", "acme", ALICE)
    host.cli("stats", "enable", "emca")
    alice, other = RawClient(host.address, acme.month(ALICE)), RawClient(host.address, emca.month(ALICE))
    alice.register("phone")
    alice.register("phone")
    other.register("phone")
    alice.call("storage.put", {"id": "v1", "type": "contacts", "value": "sealed"})
    alice.call("info.put", {"client_time": 5, "os": "test", "os_version": "1"})
    for number in range(20):
        for sender in (alice, other):
            sender.call("message.post", {"id": f"m{number}", "to": BOB, "account": "acme", "body": f"body {number}"})
    alice.close()
    other.close()
    wait_for(lambda: counted(host), "the statistics, for which no answer waits, are stored")
    return acme, [f"m{number}" for number in range(20)]


def counted(host: Host) -> bool:
    """Whether the statistics of ``fill`` are complete."""
    found = contents(host)
    stats = [(b"post", b"20") in found.get(f"stat:{{{ALICE}}}@{account}".encode(), ()) for account in ("acme", "emca")]
    return all(stats) and (b"message-outgoing", b"20") in found.get(f"usage:{{{ALICE}}}@emca".encode(), ())


class Load:
    """A client of an account of its own that posts as fast as it is answered, until it is told to stop."""

    def __init__(self, host: Host):
        self.domain = Domain(host, "busy", [ALICE, DESK])
        self.client = RawClient(host.address, self.domain.month(ALICE))
        self.client.register("phone")
        self.posted: list[str] = []

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._post)

    def _post(self) -> None:
        while True:
            identity = f"load-{len(self.posted)}"
            self.client.call("message.post", {"id": identity, "to": DESK, "body": "x" * 2000})
            self.posted.append(identity)

    def stop(self) -> None:
        self._greenlet.kill()
        self.client.close()


def backup(host: Host) -> str:
    """`crs-cli backup`, while the greenlets of this test go on; the archive's path."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "bin" / "crs-cli", "backup"], stdout=subprocess.PIPE, text=True, env=host.environment()
    )
    wait_for(lambda: process.poll() is not None, "the backup ends", pause=0.005)
    told = process.stdout.read()
    assert process.returncode == 0 and told.count("\n") == 1
    return told.split(",")[0]


def mail(host: Host, domain: Domain, uri: str) -> list[dict]:
    """All that lies in a mailbox."""
    client, found = RawClient(host.address, domain.month(uri)), []
    client.register("phone")
    while part := client.call("message.fetch")["messages"]:
        client.call("message.ack", {"refs": [item["ref"] for item in part]})
        found += part
    client.close()
    return found


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.stop()


def test_all_comes_back_by_the_manuals_commands(host, tmp_path):
    host.start()
    acme, waiting = fill(host)
    load = Load(host)
    before, seen = contents(host), shown(host, "acme", "emca", "busy")
    load.start()  # not before: these block all greenlets
    wait_for(lambda: len(load.posted) >= 50, "the load has begun")
    acknowledged = list(load.posted)
    archive = backup(host)
    during = len(load.posted)
    load.stop()
    assert during > len(acknowledged)  # the host went on
    with tarfile.open(archive) as tar:
        assert len({(member.uid, member.uname, member.gid, member.gname) for member in tar}) == 1
    assert sorted(path.name for path in (host.home / "data" / "redis_low").iterdir()) == ["appendonlydir"]

    host.stop()
    kept = tmp_path / "external.tar"
    os.rename(archive, kept)
    os.rename(host.home, tmp_path / "lost")
    reinstalled = Host(tmp_path)  # a fresh home, with other ports; its host runs already
    reinstalled.start()
    restore(reinstalled, kept)
    reinstalled.stop()
    host.start()  # at the ports of the restored configuration

    assert contents(host) == before
    assert shown(host, "acme", "emca", "busy") == seen
    log = (host.home / "log" / "crs.log").read_text()
    assert "others could read" in log and "as after a restore; now they cannot" in log
    for path in (host.home / "accounts").rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert not stat.S_IMODE((host.home / "crs.conf").stat().st_mode) & 0o007

    wait_for(
        lambda: [row["loaded_accounts"] for row in host.rows("show", "account")] == [["acme", "busy", "emca"]] * 2,
        "the accounts are loaded",
    )
    assert [item["id"] for item in mail(host, acme, BOB) if item["account"] == "acme"] == waiting
    found = [item["id"] for item in mail(host, load.domain, DESK)]
    assert found[: len(acknowledged)] == acknowledged  # nothing acknowledged before is lost
    assert found == load.posted[: len(found)]  # and it is the state of one moment


def test_a_backup_of_a_host_that_is_down_restores_too(host, tmp_path):
    host.start()
    acme, waiting = fill(host)
    before = contents(host)
    host.stop()
    kept = tmp_path / "external.tar"
    os.rename(backup(host), kept)
    os.rename(host.home, tmp_path / "lost")
    reinstalled = Host(tmp_path)
    restore(reinstalled, kept)
    host.start()
    assert contents(host) == before
    assert len(mail(host, acme, BOB)) == 2 * len(waiting)


def test_a_broken_archive_is_told(host, tmp_path):
    """By tar where it was cut within a file, by the host also where tar sees nothing wrong."""
    host.start()
    fill(host)
    archive = backup(host)
    with tarfile.open(archive) as tar:
        cut = next(member for member in tar if member.name.endswith("base.rdb")).offset
    host.stop()
    kept = tmp_path / "external.tar"
    os.rename(archive, kept)
    os.rename(host.home, tmp_path / "lost")
    reinstalled = Host(tmp_path)
    told = []
    for size in (cut + 512, cut):
        os.truncate(kept, size)
        done = subprocess.run(["tar", "xfv", kept, "-C", "/"], capture_output=True, text=True)
        told.append((done.returncode, "Unexpected EOF" in done.stderr))
        for options in (["--standalone"], ["--check"]):
            refused = reinstalled.crsd("--home", reinstalled.home, *options)
            assert refused.returncode == 1
            assert "broke off: the archive is not complete" in refused.stdout + refused.stderr
    assert told == [(2, True), (0, False)]


def test_a_backup_that_cannot_be_taken_is_told(host):
    host.start()
    wait_for(lambda: host.kill("redis_low", 19), "redis_low stands still")  # SIGSTOP
    try:
        done = host.run("crs-cli", "backup")
    finally:
        host.kill("redis_low", 18)
    assert done.returncode == 1 and "redis_low" in done.stderr and done.stdout == ""
    assert list((host.home / "backup").iterdir()) == []
