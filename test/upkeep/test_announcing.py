"""The process table: no stall is overwritten before somebody could read it."""

from crs.upkeep.announcing import ANNOUNCE, SHOWN, Stalls


class Loop:
    """A loop whose stalls are given, and a clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.stall = 0.0
        self.stalls = Stalls(self.take, lambda: self.now)

    def take(self) -> float:
        stall, self.stall = self.stall, 0.0
        return stall

    def entry(self, after: float, stall: float = 0.0) -> tuple[float, float]:
        """What an entry tells that is written ``after`` seconds, with a stall meanwhile."""
        self.now += after
        self.stall = stall
        return self.stalls.since_last_entry(), self.stalls.worst()


def test_an_entry_out_of_turn_does_not_hide_the_stall_of_the_one_before():
    loop = Loop()
    assert loop.entry(0, 80.0)[0] == 80.0
    assert loop.entry(1)[0] == 80.0  # the records changed: an entry that nobody waited for
    assert loop.entry(ANNOUNCE - 1)[0] == 0.0


def test_an_entry_tells_the_longest_since_the_regular_one_before():
    loop = Loop()
    loop.entry(0)
    loop.entry(2, 30.0)
    assert loop.entry(ANNOUNCE - 2, 10.0)[0] == 30.0


def test_the_worst_stands_for_a_minute():
    loop = Loop()
    loop.entry(0, 80.0)
    told = [loop.entry(ANNOUNCE, 1.0)[1] for _ in range(int(SHOWN / ANNOUNCE))]
    assert told == [80.0] * (len(told) - 1) + [1.0]
