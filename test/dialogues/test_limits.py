"""Limits that keep one client from costing the others, and races of one client with itself; against a real host."""

import gevent

from crs.service.connection import MAX_CONNECTIONS

from ..hosts import wait_for
from ..raw import RawClient, Refused

ME, OTHER = "+46709000001", "+46709000002"


def attach(host, domains, uri) -> RawClient:
    return RawClient(host.address, domains["acme"].month(uri))


def test_bodies_that_grow_in_json_do_not_make_an_answer_without_bound(host, domains):
    sender, receiver = attach(host, domains, ME), attach(host, domains, OTHER)
    sender.register("a1")
    receiver.register("b1")
    for number in range(12):
        sender.call("message.post", {"id": f"nul-{number}", "to": OTHER, "body": "\0" * 43_000})
    seen, after, more, longest = [], 0, True, 0
    while more:
        receiver.send("message.fetch", {"after": after, "limit": 100})
        answer = receiver.answer()["result"]
        longest = max(longest, sum(6 * len(item["body"]) for item in answer["messages"]))
        seen += [item["id"] for item in answer["messages"]]
        after, more = answer["messages"][-1]["seq"], answer["more"]
    assert seen == [f"nul-{number}" for number in range(12)]
    assert longest <= 524_288 + 6 * 43_000
    receiver.call("message.ack", {"refs": [f"message:{ME}@acme:{identity}" for identity in seen]})
    sender.close()
    receiver.close()


def test_of_two_registrations_at_the_same_moment_one_holds_and_the_other_is_told(host, domains):
    pair = [attach(host, domains, ME), attach(host, domains, ME)]

    def try_to_register(client):
        try:
            return client.register("p1")
        except Refused as refused:
            assert refused.word == "conflict"

    def holds(client) -> bool:
        try:
            return bool(client.call("session.list"))
        except Refused as refused:
            assert refused.word == "not-registered"
            return False

    for _ in range(40):
        gevent.joinall([gevent.spawn(try_to_register, client) for client in pair], raise_error=True)
        wait_for(lambda: sum(map(holds, pair)) == 1, "one of them is registered", patience=10, pause=0.01)
    for client in pair:
        client.close()


def test_a_user_with_too_many_connections_loses_its_oldest(host, domains):
    most = 2 * MAX_CONNECTIONS  # on two workers
    clients = [attach(host, domains, ME) for _ in range(most + 8)]
    wait_for(lambda: sum(client.closed is not None for client in clients) >= 8, "there are no more than allowed")
    assert {client.closed.code for client in clients if client.closed} == {1008}
    assert not any(client.closed for client in clients[-MAX_CONNECTIONS:]), "whichever worker they are on"
    for client in clients:
        client.close()
