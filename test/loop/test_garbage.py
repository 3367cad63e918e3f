"""The collector of cycles: what is looked at, and that a connection needs none, however it ends."""

import gc
import subprocess
import sys
from contextlib import contextmanager

import pytest

from crs.loop import garbage
from crs.relay.conversation import ConversationTable
from crs.relay.leg import Kind

from ..hosts import ROOT

OURS = ("crs.", "gevent.", "OpenSSL.", "_cffi")


@contextmanager
def collecting_nothing():
    """The collector off, and as it was afterwards."""
    threshold = gc.get_threshold()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.set_threshold(*threshold)
        gc.enable()


class Cycle:
    """Something that only the collector frees."""

    def __init__(self, freed: list):
        self.me, self.freed = self, freed

    def __del__(self):
        self.freed.append(True)


def test_all_is_looked_at_while_there_are_few_clients():
    freed = []
    with collecting_nothing():
        Cycle(freed)
        garbage.tidy(garbage.FEW + 1)
        assert not freed
        garbage.tidy(garbage.FEW)
        assert freed


def test_the_old_are_not_looked_at_by_themselves():
    with collecting_nothing():
        garbage.begin()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[2] == garbage.NEVER


@pytest.mark.parametrize("how", ["leaves", "is_gone", "is_closed_here", "has_no_key", "is_rude"])
def test_a_connection_leaves_no_cycle(how):
    told = subprocess.run(
        [sys.executable, "-m", "test.loop.leaving", how], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert [name for name in told.stdout.split() if name.startswith(OURS)] == []


def test_a_relayed_conversation_leaves_no_cycle():
    table = ConversationTable({}, 1000)
    with collecting_nothing():
        table.add("a", Kind.RTP, [("one", "x"), ("two", "y")], [], 0)
        table.add("b", Kind.OPAQUE_MULTICAST, [("three", "x"), ("four", "y")], [], 0)
        table.add("b", Kind.OPAQUE_MULTICAST, [("four", "y")], [], 0)
        table.remove("a")
        table.remove("b")
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert [left for left in gc.garbage if type(left).__module__.startswith(OURS)] == []
