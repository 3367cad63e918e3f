"""Where to attach next, with which key, and after how long."""

import random
import socket

import mock
import pytest

from crs.client.addresses import FIRST_PAUSE, LONGEST_PAUSE, AddressCycle, Backoff, resolve

KEYS = [("c.this", b"1"), ("c.last", b"2")]


def addresses(*numbers: int) -> list:
    return [(socket.AF_INET, (f"192.0.2.{number}", 5223)) for number in numbers]


def tried(cycle: AddressCycle, count: int) -> list[str]:
    return [cycle.next(0).address[0] for _ in range(count)]


def test_every_address_of_every_server_is_tried_in_turn():
    answers = {"one.example": addresses(1, 2), "two.example": addresses(3)}
    servers = [("one.example", 5223), ("two.example", 5223)]
    cycle = AddressCycle(servers, lambda now: KEYS, lambda host, port: answers[host])
    assert tried(cycle, 4) == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]


def test_dns_is_asked_anew_after_each_round():
    answers = iter([addresses(1, 2), addresses(3)])
    cycle = AddressCycle([("crs.example", 5223)], lambda now: KEYS, lambda host, port: next(answers))
    assert tried(cycle, 3) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_when_dns_fails_the_addresses_known_before_are_kept():
    answers = iter([addresses(1)])

    def unreliable(host, port):
        for answer in answers:
            return answer
        raise socket.gaierror("no name server")

    cycle = AddressCycle([("crs.example", 5223)], lambda now: KEYS, unreliable)
    assert tried(cycle, 3) == ["192.0.2.1"] * 3


def test_no_address_at_all_is_an_error_that_names_the_server():
    def failing(host, port):
        raise socket.gaierror("no such name")

    with pytest.raises(OSError, match="crs.example"):
        AddressCycle([("crs.example", 5223)], lambda now: KEYS, failing).next(0)


def test_a_refused_key_makes_way_for_the_next_and_success_brings_the_best_back():
    cycle = AddressCycle([("crs.example", 5223)], lambda now: KEYS, lambda host, port: addresses(1))
    assert cycle.next(0).identity == "c.this"
    cycle.refused()
    assert (cycle.next(0).identity, cycle.next(0).key) == ("c.last", b"2")
    cycle.refused()
    assert cycle.next(0).identity == "c.this"
    cycle.refused()
    cycle.admitted()
    assert cycle.next(0).identity == "c.this"


def test_keys_are_asked_for_the_time_of_the_try():
    keys = mock.Mock(return_value=KEYS)
    AddressCycle([("crs.example", 5223)], keys, lambda host, port: addresses(1)).next(1234)
    keys.assert_called_once_with(1234)


@pytest.mark.parametrize("host, family", [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_literal_address_needs_no_resolver(host, family):
    assert resolve(host, 5223) == [(family, (host, 5223))]


def test_pauses_are_drawn_below_a_bound_that_doubles_up_to_a_limit():
    highest = mock.Mock(random.Random)
    highest.uniform.side_effect = lambda low, high: high
    backoff = Backoff(highest)
    pauses = [backoff.pause() for _ in range(8)]
    assert [call.args[0] for call in highest.uniform.call_args_list] == [0] * 8
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == pauses[-2] == LONGEST_PAUSE
    backoff.reset()
    assert backoff.pause() == FIRST_PAUSE
