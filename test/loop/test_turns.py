"""Turns: how much is done in one pass of the loop, and who goes first."""

import gevent
import pytest

from crs.loop.turns import SLICE, Turns, of

WORK = SLICE * 0.6  # what one turn takes here: two of them fill a slice


class SteppedLoop:
    """A hub's turns on a clock that stands still, and what was done in each pass of the loop."""

    def __init__(self):
        self.now = 100.0
        self.turns = Turns(gevent.get_hub(), lambda: self.now)
        self.passes: list[list[str]] = [[]]
        self._check = gevent.get_hub().loop.check()
        self._check.start(lambda: self.passes.append([]))

    def work(self, name: str, shaking: bool = False) -> None:
        self.turns.take(shaking)
        self.passes[-1].append(name)
        self.now += WORK

    def run(self, *names: str) -> list[list[str]]:
        """What each pass did of these; names of those who shake hands begin with ``s``."""
        gevent.joinall([gevent.spawn(self.work, name, name.startswith("s")) for name in names], raise_error=True)
        return [done for done in self.passes if done]

    def close(self) -> None:
        self._check.stop()
        self.turns.close()


@pytest.fixture
def loop():
    loop = SteppedLoop()
    yield loop
    loop.close()


def test_few_are_not_held_up(loop):
    assert loop.run("a", "b") == [["a", "b"]]


def test_many_are_spread_over_passes_in_their_order(loop):
    names = [f"a{number}" for number in range(9)]
    done = loop.run(*names)
    assert sum(done, []) == names
    assert max(map(len, done)) == 2


def test_the_attached_go_first_and_each_pass_shakes_a_hand(loop):
    done = loop.run("a", "b", "s1", "s2", "s3", "c", "d", "e", "f")
    assert done[:3] == [["a", "b"], ["c", "d", "s1"], ["e", "f", "s2"]]
    assert done[3] == ["s3"]


def test_who_was_killed_in_the_line_is_passed_over(loop):
    loop.now += SLICE
    waiting = gevent.spawn(loop.work, "a")
    gevent.spawn(waiting.kill, block=False)
    assert loop.run("b", "c") == [["b", "c"]]
    assert waiting.dead


def test_a_hub_has_one(loop):
    assert of(gevent.get_hub()) is of(gevent.get_hub())


class Woken:
    """What waits without a greenlet."""

    def __init__(self, loop: SteppedLoop, name: str):
        self.loop, self.name = loop, name

    def switch(self, _nothing) -> None:
        self.loop.passes[-1].append(self.name)
        self.loop.now += WORK


def test_what_waits_without_a_greenlet_takes_turns_too(loop):
    for name in "abcd":
        gevent.get_hub().loop.run_callback(loop.turns.call, Woken(loop, name))
    assert loop.run("e") == [["a", "b"], ["c", "d"], ["e"]]
