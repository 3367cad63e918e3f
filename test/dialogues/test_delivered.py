"""A message counts as delivered once, however many devices get it, whichever way; seen by another client of Redis."""

import json

import redis

from crs.store import schema, wakeups
from crs.store.wakeups import Look

from ..hosts import wait_for
from ..raw import RawClient

ALICE, BOB, CAROL = "+46708000001", "+46708000002", "+46708000003"


class Trace:
    """The events of messages, as ``crs-cli trace message`` would hear them."""

    def __init__(self, host):
        server = redis.Redis(unix_socket_path=str(host.home / "run" / "redis_high.sock"))
        self._events = server.pubsub(ignore_subscribe_messages=True)
        self._events.subscribe(schema.trace("message"))
        self._events.get_message(timeout=5)
        _, channel, look = wakeups.to_all(Look())
        server.publish(channel, look)
        self._told: list[tuple[str, str]] = []

    def told(self) -> list[tuple[str, str]]:
        """(message id, state) of every event so far."""
        while (message := self._events.get_message(timeout=0.01)) is not None:
            _, _, _, state, _, id, *_ = json.loads(message["data"])
            self._told.append((id, state))
        return self._told

    def close(self) -> None:
        self._events.close()


def test_two_devices_that_are_given_a_message_and_one_that_fetches_it_are_one_delivery(host, domains):
    alice, phone, tablet, watch = (
        RawClient(host.address, domains["acme"].month(uri)) for uri in (ALICE, BOB, BOB, BOB)
    )
    alice.register("a1")
    phone.register("b1", deliver=True)
    tablet.register("b2", type="secondary", deliver=True)
    watch.register("b3", type="secondary")
    trace = Trace(host)
    for number in range(100):  # until the workers have seen that somebody listens
        alice.call("message.post", {"id": f"warm-{number}", "to": CAROL, "body": ""})
        if trace.told():
            break
    for id in ("m1", "m2"):
        alice.call("message.post", {"id": id, "to": BOB, "body": "once"})
    for device in (phone, tablet):
        while device.notification("message.arrived")["messages"][-1]["id"] != "m2":
            pass
    assert watch.call("message.fetch")["messages"][-1]["id"] == "m2"
    alice.call("message.post", {"id": "last", "to": BOB, "body": ""})
    wait_for(lambda: ("last", "delivered") in trace.told(), "the last one is delivered")
    for id in ("m1", "m2"):
        assert trace.told().count((id, "delivered")) == 1
    trace.close()
    for client in (alice, phone, tablet, watch):
        client.close()
