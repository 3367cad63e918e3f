"""Messages: sealed, in order, each shown once, and acknowledged only after that."""

import gevent
import pytest

from crs.client.messages import Messages
from crs.client.secrecy import Secrecy
from crs.client.state import ClientState
from crs.errors import NotFound, QuotaExceeded, Unavailable
from crs.trust.e2e import SealRefused
from crs.trust.tokens import TokenRefused
from crs.wire.vocabulary import Acked, Fetched, FoundObject, Item, MessageWaiting, Posted
from test.client.fakes import FakeClient, directory, registered
from test.trust.people import NOW, Domain

ACME = Domain("acme")
ALICE, BOB, EVE = [ACME.credential(uri) for uri in ("+46701234567", "+46707654321", "+46700000000")]


def messages_of(credential, client, state=None) -> Messages:
    return Messages(client, Secrecy(client, credential, lambda: NOW), state or ClientState())


def sealed(text: str, identity: str, sender=ALICE, receiver=BOB, kind="content") -> str:
    client = FakeClient(object_lookup=directory(receiver))
    secrecy = Secrecy(client, sender, lambda: NOW)
    return secrecy.seal(secrecy.find(receiver.uri), kind, identity, text.encode())


def item(seq: int, text="hello", kind="content", body=None, sender=ALICE) -> Item:
    identity = f"m{seq}"
    if body is None:
        body = sealed(text, identity, sender, kind=kind) if kind in ("content", "system") else ""
    return Item(f"{kind}:{sender.client}:{identity}", seq, kind, sender.uri, sender.account, identity, NOW, body)


class Mailbox:
    """Answers to message.fetch and message.ack as a server gives them."""

    def __init__(self, *items, page=50):
        self.items = list(items)
        self.page = page

    def fetch(self, params):
        left = [item for item in self.items if item.seq > params.after]
        return Fetched(left[: self.page], len(left) > self.page)

    def ack(self, params):
        before = len(self.items)
        self.items = [item for item in self.items if item.ref not in params.refs]
        return Acked(before - len(self.items))

    def client(self) -> FakeClient:
        return FakeClient(message_fetch=self.fetch, message_ack=self.ack)


def receive(messages: Messages, client: FakeClient) -> list:
    """All there is to show, acknowledged page by page."""
    client.tell("message.waiting", MessageWaiting(1))
    shown = []
    while new := messages.wait(0.05):
        shown += new
        messages.acknowledge(new)
    return shown


# --- post ---


def test_a_message_goes_out_sealed_for_its_receiver_and_arrives():
    client = FakeClient(object_lookup=directory(BOB), message_post=lambda post: Posted(post.id, "acme", NOW))
    posted = messages_of(ALICE, client).post("+46707654321", "meet me at six", id="m1")
    assert posted.id == "m1"
    post = client.params("message.post")[0]
    assert (post.to, post.account, post.kind) == (BOB.uri, "acme", "content")
    assert "meet me" not in post.body
    mailbox = Mailbox(item(1, body=post.body))
    received = receive(messages_of(BOB, reader := mailbox.client()), reader)
    assert [(item.text, item.peer, item.fault) for item in received] == [("meet me at six", ALICE.client, None)]


def test_ids_are_made_up_and_differ():
    client = FakeClient(object_lookup=directory(BOB), message_post=lambda post: Posted(post.id, "acme", NOW))
    messages = messages_of(ALICE, client)
    assert messages.post(BOB.uri, "a").id != messages.post(BOB.uri, "a").id
    assert client.methods().count("object.lookup") == 1, "the receiver's keys are looked up once"


def test_one_message_to_a_receiver_goes_out_at_a_time():
    under_way = []

    def slow(post):
        under_way.append(post.id)
        assert len(under_way) == 1
        gevent.sleep(0.01)
        under_way.remove(post.id)
        return Posted(post.id, "acme", NOW)

    client = FakeClient(object_lookup=directory(BOB), message_post=slow)
    messages = messages_of(ALICE, client)
    posts = [gevent.spawn(messages.post, BOB.uri, "text", id=f"m{number}") for number in range(5)]
    gevent.joinall(posts, raise_error=True, timeout=10)
    assert sorted(post.id for post in client.params("message.post")) == [f"m{number}" for number in range(5)]


def test_what_the_server_refuses_is_told_and_does_not_block_the_next():
    client = FakeClient(object_lookup=directory(BOB), message_post=[QuotaExceeded("full"), Posted("m2", "acme", NOW)])
    messages = messages_of(ALICE, client)
    with pytest.raises(QuotaExceeded):
        messages.post(BOB.uri, "one")
    assert messages.post(BOB.uri, "two", id="m2").id == "m2"


def test_nothing_is_sealed_for_keys_that_the_domain_does_not_vouch_for():
    impostor = Domain("acme")
    impostor.key = Domain("other").key
    forged = impostor.keys(BOB.uri).token
    client = FakeClient(object_lookup=FoundObject(BOB.uri, "acme", forged, "", NOW))
    with pytest.raises(TokenRefused):
        messages_of(ALICE, client).post(BOB.uri, "secret")
    assert "message.post" not in client.methods()


def test_a_receiver_of_an_account_that_is_not_connected_is_refused():
    stranger = Domain("elsewhere").credential(BOB.uri)
    client = FakeClient(object_lookup=directory(stranger))
    with pytest.raises(TokenRefused, match="not connected"):
        messages_of(ALICE, client).post(BOB.uri, "secret")


def test_who_never_attached_has_no_keys():
    client = FakeClient(object_lookup=FoundObject(BOB.uri, "acme", None, "", None))
    with pytest.raises(NotFound, match="never attached"):
        messages_of(ALICE, client).post(BOB.uri, "hello")


def test_a_text_that_is_too_long_is_refused_before_it_goes_out():
    client = FakeClient(object_lookup=directory(BOB))
    with pytest.raises(SealRefused):
        messages_of(ALICE, client).post(BOB.uri, "x" * 30_000)


# --- receive ---


def test_items_are_shown_in_order_and_then_gone_from_the_mailbox():
    mailbox = Mailbox(*(item(seq, f"text {seq}") for seq in range(1, 8)), page=3)
    client = mailbox.client()
    shown = receive(messages_of(BOB, client), client)
    assert [item.text for item in shown] == [f"text {seq}" for seq in range(1, 8)]
    assert mailbox.items == []


def test_nothing_is_acknowledged_before_it_was_shown():
    mailbox = Mailbox(item(1))
    client = mailbox.client()
    messages = messages_of(BOB, client)
    client.tell("registered", registered(waiting=1))
    assert messages.wait(1)
    assert mailbox.items and "message.ack" not in client.methods()


def test_what_was_not_acknowledged_comes_again():
    mailbox = Mailbox(item(1))
    client = mailbox.client()
    messages = messages_of(BOB, client)
    for _ in range(2):
        client.tell("message.waiting", MessageWaiting(1))
        assert [item.id for item in messages.wait(1)] == ["m1"]


def test_a_lost_acknowledgement_is_made_up_for_without_showing_twice():
    mailbox = Mailbox(item(1))
    client = mailbox.client()
    messages = messages_of(BOB, client)
    client.answers["message.ack"] = Unavailable("no answer")
    assert [item.id for item in receive(messages, client)] == ["m1"]
    assert len(mailbox.items) == 1
    client.answers["message.ack"] = mailbox.ack
    assert receive(messages, client) == []
    assert mailbox.items == []


def test_a_new_process_does_not_show_again_what_the_former_one_showed(tmp_path):
    mailbox = Mailbox(item(1), item(2))
    client = mailbox.client()
    client.answers["message.ack"] = Unavailable("no answer")
    assert len(receive(messages_of(BOB, client, ClientState(tmp_path / "state")), client)) == 2
    mailbox.items.append(item(3))
    client = mailbox.client()
    assert [item.id for item in receive(messages_of(BOB, client, ClientState(tmp_path / "state")), client)] == ["m3"]
    assert mailbox.items == []


def test_reports_on_own_messages_are_items_as_well():
    mailbox = Mailbox(item(1, kind="ack", sender=BOB), item(2, kind="expired", sender=BOB))
    client = mailbox.client()
    shown = receive(messages_of(ALICE, client), client)
    assert [(item.kind, item.id, item.peer, item.text) for item in shown] == [
        ("ack", "m1", BOB.client, ""),
        ("expired", "m2", BOB.client, ""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "not sealed at all",
        "",
        sealed("for somebody else", "m1", receiver=EVE),
        sealed("by somebody else", "m1", sender=EVE),
        sealed("under another id", "m2"),
        sealed("as another kind", "m1", kind="offer"),
    ],
)
def test_what_proves_nothing_is_told_once_and_does_not_fill_the_mailbox(body):
    mailbox = Mailbox(item(1, body=body), item(2, "good"))
    client = mailbox.client()
    messages = messages_of(BOB, client)
    bad, good = receive(messages, client)
    assert bad.fault and not bad.text and (good.text, good.fault) == ("good", None)
    assert receive(messages, client) == []
    assert mailbox.items == []


def test_what_could_not_be_read_is_tried_again_when_keys_come_in():
    late = ACME.credential(BOB.uri, "202612")
    client = FakeClient(object_lookup=directory(late))
    alice = Secrecy(client, ALICE, lambda: NOW)
    mailbox = Mailbox(item(1, body=alice.seal(alice.find(BOB.uri), "content", "m1", b"for next month")))
    bob, client = ACME.credential(BOB.uri), mailbox.client()
    messages = messages_of(bob, client)
    assert receive(messages, client)[0].fault
    bob.months.update(late.months)
    messages.read_again()
    assert [item.text for item in receive(messages, client)] == ["for next month"]
    assert mailbox.items == []


def test_without_a_hint_nothing_is_asked():
    client = Mailbox(item(1)).client()
    messages = messages_of(BOB, client)
    client.tell("registered", registered(waiting=0))
    assert messages.wait(0.01) == [] and client.asked == []


def test_a_mailbox_that_cannot_be_read_now_is_read_later(monkeypatch):
    monkeypatch.setattr("crs.client.messages.RETRY_PAUSE", 0.01)
    mailbox = Mailbox(item(1))
    client = mailbox.client()
    client.answers["message.fetch"] = [Unavailable("no answer"), Unavailable("no answer"), mailbox.fetch]
    messages = messages_of(BOB, client)
    client.tell("message.waiting", MessageWaiting(1))
    assert [item.id for item in messages.wait(10)] == ["m1"]
