"""Credentials and update files at a real host: who may attach, whose connection ends, which files are refused."""

import re
import shutil
import subprocess
import time

import pytest

from crs.home.paths import Home
from crs.store import Store
from crs.trust import jose, months, tokens

from ..hosts import ROOT, Domain, running, wait_for
from ..raw import PATIENCE, RawClient

ALICE, BOB, CAROL = "+46700000001", "+46700000002", "+46700000003"
THIS = months.of(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with running(tmp_path_factory.mktemp("host")) as running_host:
        yield running_host


@pytest.fixture
def attach(host):
    """Attaches and registers clients of a domain; closes them at the end."""
    made = []

    def attach(domain: Domain, uri: str) -> RawClient:
        client = RawClient(host.address, domain.month(uri))
        made.append(client)
        client.registered = client.register()
        return client

    yield attach
    for client in made:
        client.close()


# --- openssl, as doc/protocol.md says -------------------------------------------------------------------------------

PAGE = (ROOT / "doc" / "protocol.md").read_text()
BY_HAND = re.search(r"By hand, .*?```\n(.*?)```", PAGE, re.DOTALL)[1]
REQUEST = re.search(r"```\n(GET / .*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def credential(host, tmp_path_factory):
    """A directory with ``me.json`` as a CMS issued it; its account is loaded."""
    assert shutil.which("openssl"), "this test needs the program openssl"
    place = tmp_path_factory.mktemp("credential")
    secret = place / "secret"
    secret.touch(0o600)
    secret.write_text("the secret that both sides know\n")
    host.cli("create", "account", "byhand", "-s", "-", stdin=secret.read_text())
    for arguments in (
        ("init", place / "cms", "--account", "byhand", "--secret", secret),
        ("add-client", ALICE, "--home", place / "cms"),
        ("credential", ALICE, "--server", "127.0.0.1", "--out", place / "me.json", "--home", place / "cms"),
        ("update", "--out", place / "update", "--home", place / "cms"),
    ):
        host.run("crs-cms", *arguments, check=True)
    host.cli("apply", place / "update")
    return place


def by_hand(host, place, more: str = "", edit=lambda script: script) -> subprocess.Popen:
    """The page's commands in a shell, with ``more`` options; what they say is on stdout and stderr."""
    ip, port = host.address
    script = BY_HAND.replace("127.0.0.1:5223", f"{ip}:{port}")
    assert script != BY_HAND
    script = edit(script).replace("\nopenssl s_client", f"\nexec openssl s_client {more}")
    return subprocess.Popen(
        ["/bin/sh", "-c", script], cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize("version", ["", "-tls1_3", "-tls1_2"])
def test_openssl_attaches_with_an_issued_credential(host, credential, version):
    process = by_hand(host, credential, version)
    try:
        process.stdin.write(REQUEST.encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"HTTP/1.1 101 Switching Protocols\r\n", process.communicate()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("version", ["-tls1_3", "-tls1_2"])
def test_a_wrong_key_and_an_unknown_identity_look_the_same_to_openssl(host, credential, version):
    def alert(was: str, now: str) -> list[str]:
        process = by_hand(host, credential, version, lambda script: script.replace(was, now))
        try:
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == 1, said
        return re.findall(r"alert [a-z ]+|alert number \d+", said.decode())

    wrong_key = alert('-psk "$key"', f"-psk {'5a' * 32}")
    assert wrong_key and wrong_key == alert("$identity", f"c.byhand.{THIS}.{'A' * 40}")
    assert wrong_key == alert("$identity", f"c.nobody.{THIS}.{'A' * 40}")


# --- update files that are refused ----------------------------------------------------------------------------------


def _flipped(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + (b"A" if data[place : place + 1] != b"A" else b"B") + data[place + 1 :]


def _foreign(domain: Domain) -> bytes:
    stranger = Domain.__new__(Domain)
    vars(stranger).update(
        vars(domain),
        account="stranger",
        secret="unknown here",
        domain_token=tokens.domain_token(jose.new_key("Ed25519", bytes(range(32))), "stranger"),
    )
    return stranger.update(THIS)


def _with(
    domain: Domain, month: str = THIS, secret: str | None = None, key: bytes | None = None, created: int | None = None
) -> bytes:
    other = Domain.__new__(Domain)
    vars(other).update(vars(domain), secret=secret or domain.secret, months={month: key or domain.months[THIS]})
    return other.update(month, created)


REFUSED = {
    "wrong secret": (lambda domain: _with(domain, secret="another secret"), "another shared secret"),
    "tampered": (lambda domain: _flipped(domain.update(THIS)), "changed or damaged"),
    "truncated": (lambda domain: domain.update(THIS)[:-40], "cut short"),
    "foreign": (_foreign, "does not exist here"),
    "expired": (lambda domain: _with(domain, "202501"), "has run out"),
    "too early": (lambda domain: _with(domain, "209901"), "comes too early"),
    "replayed": (lambda domain: _with(domain, created=1), "is not newer"),
    "other month key": (lambda domain: _with(domain, key=bytes(range(32))), "another month key"),
    "no update": (lambda domain: b"hello", "not a protected update file"),
}


@pytest.fixture(scope="module")
def steady(host):
    """A domain with one client that stays attached while updates are refused."""
    domain = Domain(host, "steady", [ALICE, BOB])
    alice = RawClient(host.address, domain.month(ALICE))
    alice.registered = alice.register()
    yield domain, alice
    alice.close()


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_update_changes_nothing(host, steady, attach, case):
    domain, alice = steady
    make, text = REFUSED[case]
    before = everything(host)
    path = host.home.parent / "refused.upd"
    path.write_bytes(make(domain))
    refused = host.run("crs-cli", "apply", path)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1 and text in refused.stderr
    assert everything(host) == before
    bob = attach(domain, BOB)
    posted = alice.call("message.post", {"id": f"m-{REFUSED[case][1]}".replace(" ", "-"), "to": BOB, "body": "still"})
    assert posted["account"] == "steady" and bob.call("message.fetch")["messages"][-1]["body"] == "still"
    assert alice.closed is None


def everything(host) -> tuple:
    """The operator's records and files as they stand."""
    store = Store.direct(Home(host.home), "crs1")
    try:
        version = store.operator.version()
    finally:
        store.close()
    files = {path: path.read_bytes() for path in (host.home / "accounts").rglob("*") if path.is_file()}
    return version, files, host.rows("show", "updates")


def test_each_refusal_has_words_of_its_own():
    assert len({text for _, text in REFUSED.values()}) == len(REFUSED)


# --- who is thrown out, and who is let in ---------------------------------------------------------------------------


def test_a_month_that_is_gone_ends_its_connections(host, attach):
    domain = Domain(host, "monthly", [ALICE], months=[THIS, months.after(THIS)])
    old, new = (
        RawClient(host.address, domain.month(uri, month)) for uri, month in ((ALICE, THIS), (BOB, months.after(THIS)))
    )
    old.register()
    new.register()
    store = Store.direct(Home(host.home), "crs1")
    store.accounts.delete_update("monthly", THIS, time.time_ns() // 1_000_000)  # as apply does when it has run out
    store.close()
    assert old.notification("unregistered") == {"reason": "month-expired"}
    closed = old.wait_closed()
    assert (closed.code, closed.reason) == (1008, "month-expired")
    assert new.call("session.list") == {"sessions": []}
    new.close()


def test_deleting_an_account_ends_its_clients_and_no_others(host, steady, attach):
    domain = Domain(host, "leaving", [ALICE, BOB])
    going = [attach(domain, uri) for uri in (ALICE, BOB)]
    host.cli("delete", "account", "leaving", "--yes")
    for client in going:
        assert client.notification("unregistered") == {"reason": "account-deleted"}
        assert client.wait_closed().reason == "account-deleted"
    assert steady[1].call("session.list") == {"sessions": []}


def test_a_reissue_lets_a_new_client_in_and_offers_its_crypto_update(host, attach):
    domain = Domain(host, "growing", [ALICE])
    host.cli("update-notification", "enable", "growing")
    alice = attach(domain, ALICE)
    assert alice.registered["updates"] == [{"month": THIS, "confirmed": False}]
    alice.call("update.confirm", {"month": THIS})
    carol = attach(domain, CAROL)  # with a good key, not listed
    assert carol.registered["updates"] == []
    domain.uris.append(CAROL)
    domain.apply(THIS)
    assert carol.notification("update.offered") == {"month": THIS}
    assert carol.call("update.fetch", {"month": THIS}) == {"month": THIS, "body": f"opaque update for {CAROL}"}
    carol.call("update.confirm", {"month": THIS})
    assert carol.register()["updates"] == [{"month": THIS, "confirmed": True}]
    # what alice confirmed was the first issue; the re-issue may hold more (domains connected since)
    assert alice.notification("update.offered") == {"month": THIS}
    assert alice.register()["updates"] == [{"month": THIS, "confirmed": False}]
    alice.call("update.confirm", {"month": THIS})
    assert alice.register()["updates"] == [{"month": THIS, "confirmed": True}]
    assert alice.call("message.post", {"id": "m1", "to": CAROL, "body": "welcome"})["account"] == "growing"


def test_the_next_month_is_offered_when_it_is_applied(host, attach):
    domain = Domain(host, "ahead", [ALICE])
    host.cli("update-notification", "enable", "ahead")
    alice = attach(domain, ALICE)
    alice.call("update.confirm", {"month": THIS})
    domain.months[months.after(THIS)] = bytes(range(1, 33))
    domain.apply(months.after(THIS))
    assert alice.notification("update.offered") == {"month": months.after(THIS)}
    later = RawClient(host.address, domain.month(ALICE, months.after(THIS)))
    later.register()
    later.close()


def test_an_observed_client_can_be_reached(host, attach):
    domain = Domain(host, "watchful", [ALICE])
    alice = attach(domain, ALICE)
    with pytest.raises(Exception, match="not-found"):
        alice.call("message.post", {"id": "m0", "to": BOB, "body": "who?"})
    bob = attach(domain, BOB)  # with a good key, not listed
    alice.call("message.post", {"id": "m1", "to": BOB, "body": "hello"})
    assert bob.notification("message.waiting") == {"waiting": 1}
    invited = alice.call("session.invite", {"id": "c1", "to": BOB})
    assert bob.notification("session.incoming")["session"] == invited["session"]
    alice.call("session.hangup", {"session": invited["session"]})
    bob.close()
    wait_for(
        lambda: {row["uri"] for row in host.rows("show", "attach") if row["account"] == "watchful"} == {ALICE},
        "bob is gone",
    )
    assert alice.call("message.post", {"id": "m2", "to": BOB, "body": "are you there?"})["id"] == "m2"
