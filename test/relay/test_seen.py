"""Transaction ids: never one forgotten, few taken for old, little memory."""

import random

from crs.relay.seen import Seen


def test_no_id_is_forgotten_and_few_are_mistaken():
    source, seen = random.Random(1), Seen()
    ids = [source.randbytes(12) for _ in range(20_000)]
    mistaken = sum(not seen.add(transaction) for transaction in ids)
    assert mistaken < 600
    assert not any(seen.add(transaction) for transaction in ids)


def test_the_first_ids_are_all_new():
    seen = Seen()
    assert sum(seen.add(number.to_bytes(12, "big")) for number in range(60)) >= 59


def test_a_flood_of_ids_takes_bounded_memory():
    source, seen = random.Random(2), Seen()
    seen._size = 22  # as after some 200,000 ids
    for _ in range(4):
        seen._room = 0
        seen.add(source.randbytes(12))
    assert sum(len(bits) for _, bits in seen._filters) < 2 << 20
