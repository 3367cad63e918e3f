"""Secrets and plaintext stay where they belong: after one long dialogue, and in everything that the whole suite left.

``conftest`` puts this file last, and the last test waits for the other workers of ``make test``. What is looked for,
and where, is in ``canary``.
"""

import base64
import os
import signal
import time
from pathlib import Path

import pytest

from crs.cli.actions import ACTIONS
from crs.home.paths import Home
from crs.trust import credential, months

from . import canary
from .hosts import running, wait_for
from .raw import RawClient, Refused

ALICE, BOB = "+46700000001", "+46700000002"
PLAIN = "the plain words of a canary"
SECRET = "a secret that only two sides know"
SHOWS = [words for words, action in ACTIONS.items() if words.startswith("show ") and "<" not in action.arguments]


# --- the search finds what is there ---------------------------------------------------------------------------------

KEY = bytes(range(100, 132))
PLANTED = {
    "crs.conf": b"GLOBAL\nkey the-secret-of-the-pool\n",
    "accounts/acme/account.conf": b"shared-secret the-secret-of-the-account\n",
    "accounts/acme/2026-11.upd": b'{"month_key":"%s"}' % base64.urlsafe_b64encode(KEY).rstrip(b"="),
    "data/redis_low/a.aof": b'["content","+467","acme","m1",1,2]\nthe body of a message\r\n',
    "data/redis_high/a.aof": b'\r\nstreams\r\n$90\r\n[["s/0/a","RTP","audio",["%s","%s"],' % (b"u" * 20, b"p" * 24)
    + b'["%s","%s"]]]\r\n$5\r\noffer\r\n$16\r\nthe secret offer\r\n' % (b"v" * 20, b"q" * 24),
}
SHOWN = [
    b"the-secret-of-the-pool",
    b"the-secret-of-the-account",
    b"the body of a message",
    b"the secret offer",
    b"p" * 24,
    b"q" * 24,
    KEY,
    repr(KEY)[2:-1].encode(),
    KEY.hex().encode(),
    KEY.hex().upper().encode(),
    base64.b64encode(KEY),
    base64.urlsafe_b64encode(KEY),
]


@pytest.fixture
def planted(tmp_path):
    """A home that keeps secrets, and a clean log."""
    for name, content in {**PLANTED, "log/crs.log": b"[all is well]\n"}.items():
        path = tmp_path / "crs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(content)
    return tmp_path / "crs"


@pytest.mark.parametrize("secret", SHOWN, ids=range(len(SHOWN)))
@pytest.mark.parametrize("where", ["log/crs.log", "run/readable", "../seen.out"])
def test_a_planted_secret_is_found(planted, secret, where):
    assert canary.leaks(planted) == canary.leaks(planted.parent) == []
    path = planted / where
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"some words before " + secret + b" and behind\n")
    path.chmod(0o644)
    assert canary.leaks(planted.parent) == [str(path.resolve() if ".." in where else path)]


def test_a_secret_in_a_file_of_its_owner_is_no_leak(planted):
    own = planted / "run" / "redis_high.conf"
    own.parent.mkdir()
    own.touch(0o600)
    own.write_bytes(b"".join(SHOWN))
    assert canary.leaks(planted.parent) == []
    own.chmod(0o604)
    assert canary.leaks(planted.parent) == [str(own)]


# --- one long dialogue ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("canary")) as running_host:
        yield running_host


@pytest.fixture(scope="module")
def place(host):
    """The directory of the host, with a CMS and two credentials."""
    place = host.home.parent
    secret = place / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET + "\n")
    host.cli("create", "account", "acme", "-s", "-", stdin=SECRET + "\n")
    cms("init", place / "cms", "--account", "acme", "--secret", secret, host=host)
    cms("add-client", ALICE, BOB, "--home", place / "cms", host=host)
    for name, uri in (("alice", ALICE), ("bob", BOB)):
        cms(
            "credential",
            uri,
            "--server",
            f"127.0.0.1:{host.address[1]}",
            "--out",
            place / f"{name}.json",
            "--home",
            place / "cms",
            host=host,
        )
    cms("update", "--out", place / "update", "--home", place / "cms", host=host)
    host.cli("apply", place / "update")
    return place


def cms(*arguments, host) -> None:
    host.run("crs-cms", *arguments, check=True)


def keys(place, name: str) -> tuple[str, bytes]:
    found = credential.for_month(credential.load(place / f"{name}.json"), months.of(time.time_ns() // 1_000_000))
    return found.identity, found.key


def test_a_long_dialogue_leaves_no_secret(host, place):
    host.run("crs-client", place / "bob.json", "fetch", check=True)
    host.run("crs-client", place / "alice.json", "send", BOB, stdin=PLAIN + "\n", check=True)
    alice, bob = (RawClient(host.address, keys(place, name)) for name in ("alice", "bob"))
    alice.register()
    bob.register()
    invited = alice.call("session.invite", {"id": "c1", "to": BOB, "body": PLAIN + ", offered"})
    bob.call("session.accept", {"session": invited["session"], "body": PLAIN + ", answered"})
    alice.call("message.post", {"id": "m1", "to": BOB, "body": PLAIN + ", posted"})
    misbehave(host, place, alice)
    host.process.send_signal(signal.SIGHUP)
    shown = [host.cli(*words.split(), *more) for words in SHOWS for more in ((), ("--json",))]
    assert any(ALICE in text for text in shown)
    host.crsd("--check", "--home", host.home)
    (place / "late").write_bytes((place / "update").read_bytes()[:-9])
    assert host.run("crs-cli", "apply", place / "late").returncode == 1
    host.note_processes()
    pid = host.kill("app:attach:0")
    wait_for(lambda: host.pids().get("app:attach:0") not in (None, pid), "the worker is back")
    host.kill("redis_high")
    wait_for(lambda: host.cli("show", "attach", check=False) != "", "Redis is back")
    for client in (alice, bob):
        client.close()
    assert host.stop() == 0
    found = canary.secrets_of(place)
    for secret in (
        SECRET,
        PLAIN + ", offered",
        PLAIN + ", answered",
        PLAIN + ", posted",
        invited["legs"][0]["pwd"],
        keys(place, "alice")[1].hex(),
    ):
        assert secret.encode() in found, "the search does not find a secret of this dialogue where it is kept"
    assert canary.leaks(place, {PLAIN.encode()}) == []
    for path in (place / "cms" / "cms.json", place / "alice.json", place / "bob.json", place / "update"):
        assert path.stat().st_mode & 0o077 == 0, path


def misbehave(host, place, alice) -> None:
    """What is likely to be logged with too much in it."""
    for word, method, params in (
        ("invalid-params", "message.post", {"id": "m2", "to": "12", "body": PLAIN}),
        ("invalid-params", "message.post", {"id": PLAIN, "to": BOB, "body": PLAIN}),
        ("method-not-found", PLAIN, {}),
        ("no-such-session", "session.accept", {"session": "x", "body": PLAIN}),
    ):
        with pytest.raises(Refused) as refused:
            alice.call(method, params)
        assert refused.value.word == word
    identity, key = keys(place, "bob")
    for wrong in ((identity, key[::-1]), (identity[:-3] + "AAA", key)):
        with pytest.raises(Exception, match="alert|closed"):
            RawClient(host.address, wrong)
    alice.send_text(PLAIN.encode())
    assert alice.answer()["error"]["data"]["error"] == "parse-error"


def test_what_crs_client_says_end_to_end_is_plain_nowhere_in_the_host(host, place):
    plain = PLAIN.encode()
    assert canary.homes(place) == [host.home]
    sent_by_crs_client = [
        path
        for path in host.home.rglob("*")
        if path.is_file() and plain in path.read_bytes().replace(plain + b", ", b"")
    ]  # the others were posted bare, on purpose
    assert sent_by_crs_client == []


# --- the whole suite ------------------------------------------------------------------------------------------------


OTHERS_PATIENCE = 300  # seconds for what the other workers have begun


def left_by_all(own: Path) -> Path:
    """The directory with what all workers left, as soon as the others are done; ``own`` is this worker's part of it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return own
    names = {f"gw{index}" for index in range(int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))}
    others = [own.parent / f"{name}.done" for name in names - {os.environ["PYTEST_XDIST_WORKER"]}]
    wait_for(lambda: all(map(Path.exists, others)), "the other workers are done", patience=OTHERS_PATIENCE)
    return own.parent


def test_nothing_that_the_suite_left_holds_a_secret(tmp_path_factory, host, place):
    everywhere = left_by_all(tmp_path_factory.getbasetemp())
    assert host.home in canary.homes(everywhere)
    planted = [path for path in everywhere.rglob("accounts/acme/2026-11.upd") if KEY in canary.secrets_of(path.parent)]
    left = [
        path for path in canary.leaks(everywhere) if not any(path.startswith(str(home.parents[3])) for home in planted)
    ]
    assert left == []
    print(f"\n{len(canary.homes(everywhere))} homes searched")


def test_a_home_is_found_by_its_log(planted):
    assert canary.homes(planted.parent) == [planted] and Home(planted).log == planted / "log"
