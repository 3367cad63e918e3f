"""Every column of ``stats export`` comes from what clients do, and each event is traced; updates by a remote admin."""

import time

import pytest

from crs.home.paths import Home
from crs.net.tls import TlsError
from crs.store import Store
from crs.store.statistics import COLUMNS
from crs.trust import identity, months

from ..hosts import Domain, wait_for
from ..raw import RawClient, Refused

ALICE, BOB = "+46600000001", "+46600000002"
MULTI = [{"kind": "rtp", "media": "audio"}, {"kind": "rtp", "media": "video"}]


@pytest.fixture(scope="module")
def domain(host):
    return Domain(host, "counted", [ALICE, BOB])


@pytest.fixture(scope="module")
def ann(host, domains, domain):
    """The admin, once the workers know that it may do all for ``counted``."""
    for words in (
        ("admin-account", "ann", "counted"),
        ("admin-account-authorization", "ann", "counted", "update"),
        ("admin-account-authorization", "ann", "counted", "statistics"),
    ):
        host.cli("add", *words)
    ann = RawClient(host.address, host.admins["ann"])
    wait_for(
        lambda: (
            ("counted", ["statistics", "update"])
            in [(row["account"], row["authorizations"]) for row in ann.call("admin.accounts")["accounts"]]
        ),
        "access is known",
    )
    yield ann
    ann.close()


@pytest.fixture
def pair(host, domain):
    clients = [RawClient(host.address, domain.month(uri)) for uri in (ALICE, BOB)]
    for client in clients:
        client.register()
    yield clients
    for client in clients:
        client.close()


def talk(alice, bob, **invite):
    session = alice.call("session.invite", {"to": BOB, **invite})["session"]
    bob.notification("session.incoming")
    bob.call("session.accept", {"session": session})
    return session


def counted(ann) -> dict:
    rows = ann.call("admin.statistics.export", {"account": "counted"})["rows"]
    return {row[0]: dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in rows}


def enabled_everywhere(ann, alice, bob) -> bool:
    """Both workers count: a message each way is counted at its sender's."""
    for client, to in ((alice, BOB), (bob, ALICE)):
        client.call("message.post", {"id": f"w{time.time_ns()}", "to": to, "body": "x"})
    return all(row["message-outgoing"] for row in counted(ann).values())


def test_every_column_counts(host, ann, pair):
    alice, bob = pair
    ann.call("admin.statistics.enable", {"account": "counted"})
    wait_for(lambda: enabled_everywhere(ann, alice, bob), "statistics are enabled in all workers")
    host.cli("create", "conference-room", "777000", "counted", ALICE)
    wait_for(lambda: bob.call("room.lookup", {"number": "777000"})["rooms"], "the room is known")
    assert ann.call("admin.statistics.clear", {"account": "counted"}) == {"clients": 2}
    first = talk(alice, bob, id="c1", streams=MULTI)  # several streams from the start
    for _ in range(2):
        bob.call("session.accept", {"session": first})  # retries count nothing
    alice.call("session.hangup", {"session": first})
    second = talk(alice, bob, id="c2", group="g1")
    change = {"session": second, "id": "x1", "kind": "offer", "streams": MULTI}
    for _ in range(2):
        bob.call("session.change", change)  # and from the middle
    alice.call("session.change", {"session": second, "id": "x2", "kind": "answer"})
    alice.call("session.hangup", {"session": second})
    for message, kind in (("m1", "content"), ("m1", "content"), ("m2", "content"), ("s1", "system")):
        alice.call("message.post", {"id": message, "to": BOB, "body": message, "kind": kind})
    for join in ("j1", "j1", "j2"):
        bob.call("room.join", {"id": join, "number": "777000"})
    bob.call("room.leave", {"number": "777000"})
    bob.call("update.confirm", {"month": months.of(time.time_ns() // 1_000_000)})
    nothing = dict.fromkeys(COLUMNS[1:12], 0) | {
        "current-offered": True,
        "current-confirmed": False,
        "next-offered": False,
        "next-confirmed": False,
    }
    wanted = {
        ALICE: nothing
        | {
            "session-outgoing": 2,
            "message-outgoing": 2,
            "system-outgoing": 1,
            "initiated-multi-session": 1,
            "accepted-multi-session": 1,
            "sent-group-call-invite": 1,
        },
        BOB: nothing
        | {
            "session-incoming": 2,
            "message-incoming": 2,
            "system-incoming": 1,
            "conference-calls": 1,
            "initiated-multi-session": 1,
            "accepted-multi-session": 1,
            "accepted-group-call-invite": 1,
            "current-confirmed": True,
        },
    }
    assert counted(ann) == wanted


def test_an_admin_applies_an_update_sent_in_parts(host, ann, domain):
    month = months.after(max(domain.months))
    domain.months[month] = bytes(range(32))
    text = domain.update(month).decode()
    parts = [text[at : at + 500] for at in range(0, len(text), 500)]
    assert len(parts) > 1
    for number, part in reversed(list(enumerate(parts))):
        ann.call("admin.update.part", {"id": "u1", "number": number, "body": part})
    applied = ann.call("admin.update.apply", {"id": "u1", "parts": len(parts)})
    assert (applied["account"], applied["month"], applied["clients"], applied["changed"]) == ("counted", month, 2, True)
    assert ann.call("admin.update.apply", {"id": "u1", "parts": len(parts)}) == {**applied, "changed": False}
    assert (host.home / "accounts" / "counted" / f"{month[:4]}-{month[4:]}.upd").stat().st_mode & 0o777 == 0o600
    wait_for(lambda: _attached(host, domain.month(ALICE, month)), "clients attach with the new month's keys")


def test_an_update_of_an_account_that_was_not_granted_is_refused(host, ann, domains):
    beta = domains["beta"]
    ann.call("admin.update.part", {"id": "u2", "number": 0, "body": beta.update(max(beta.months)).decode()})
    with pytest.raises(Refused) as refused:
        ann.call("admin.update.apply", {"id": "u2", "parts": 1})
    assert refused.value.word == "refused"


def test_an_admin_that_is_deleted_is_closed(host, domains):
    secret = host.rows("create", "admin", "max")[0]["secret"]
    key = ("a.max", identity.admin_key(secret))
    max_ = wait_for(lambda: _open(host, key), "the admin is known")
    host.cli("delete", "admin", "max")
    assert max_.wait_closed().code == 1008
    wait_for(lambda: _open(host, key) is None, "the key is not good any more")


def test_a_store_that_was_written_by_commands_is_read_back(host, ann, pair):
    alice, _ = pair
    alice.call("info.put", {"client_time": 5, "os": "iOS", "os_version": "17"})
    alice.call("push.put", {"client_type": "ios", "created": 7, "tokens": {"voip": "00ff"}})
    store = Store.direct(Home(host.home), "crs1")
    ((client, info),) = store.objects.all_info("counted")
    assert (client.uri, info.client_time, info.os, info.version) == (ALICE, 5, "iOS", "test 1")
    (token,) = store.objects.push_tokens(client)
    assert (token.device_id, token.type, token.client_type, token.tokens) == (
        "phone-1",
        "primary",
        "ios",
        {"voip": "00ff"},
    )
    store.close()


def _open(host, key):
    try:
        return RawClient(host.address, key)
    except TlsError:
        return None


def _attached(host, key) -> bool:
    client = _open(host, key)
    if client is not None:
        client.close()
    return client is not None
