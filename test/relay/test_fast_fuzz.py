"""The fuzzers of the C part find nothing in it, and find each fault that is put into it on purpose."""

import shutil
import time

import pytest

from . import fuzz
from .running import ROOT

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="where C cannot be built there is nothing to fuzz")

FAST, TABLE = "fast.c", "fast_table.h"
FUZZ, THREADS = ("fast_fuzz", fuzz.ADDRESSES), ("fast_threads", fuzz.THREADS)

# Each: what it is, the file, what stands there, what is put there instead, and the program that is to find it
FAULTS = [
    ("bursts beyond 64 KiB", FAST, "MAX_BURST = 40", "MAX_BURST = 64", FUZZ),
    ("bursts without end", FAST, "slot->burst < MAX_BURST", "slot->burst", FUZZ),
    ("bursts not counted", FAST, "joins ? slot->burst + 1 : 1}", "1}", FUZZ),
    ("bursts counted on", FAST, "joins ? slot->burst + 1 : 1}", "slot->burst + 1}", FUZZ),
    ("bursts of any sizes", FAST, "part.iov_len == part.iov_len", "part.iov_len", FUZZ),
    ("bursts of a batch before", FAST, "joins = slot->batch == l->batch", "joins = slot->to == to", FUZZ),
    ("bursts of another leg", FAST, " && l->slots[i % SLOTS].to != to", " && 0", FUZZ),
    ("IPv6 scope not compared", TABLE, "a->v6.sin6_scope_id == b->v6.sin6_scope_id", "1", FUZZ),
    ("IPv6 scope not bound", TABLE, "a.v6.sin6_scope_id = scope", "(void)scope", FUZZ),
    ("IPv6 scope not told", FAST, "? 0 : a->v6.sin6_scope_id", "? 0 : 0", FUZZ),
    ("IPv6 port not compared", TABLE, "a->v6.sin6_port == b->v6.sin6_port", "1", FUZZ),
    ("another loop's socket", FAST, "to->fds[l->number]", "to->fds[0]", FUZZ),
    ("another loop's counts", FAST, "&leg->traffic->by[l->number]", "&leg->traffic->by[0]", FUZZ),
    (
        "moved, but not taken out",
        TABLE,
        "    if (leg->length)\n        take_out(t, leg);\n    leg->address",
        "    leg->address",
        FUZZ,
    ),
    (
        "read without a lock",
        FAST,
        "pthread_rwlock_rdlock(&l->table->lock);\n"
        "            int odd = judge(l, now);\n"
        "            pthread_rwlock_unlock(&l->table->lock);",
        "int odd = judge(l, now);",
        THREADS,
    ),
    (
        "linked without a lock",
        TABLE,
        "    pthread_rwlock_wrlock(&t->lock);\n    leg->other",
        "    pthread_rwlock_rdlock(&t->lock);\n    leg->other",
        THREADS,
    ),
    (
        "sent with the lock gone",
        FAST,
        "flush(l);\n            if (odd)",
        "flush(l);\n            if (l->at)\n                find(l->table, &l->sources[0]);\n            if (odd)",
        THREADS,
    ),
]


@pytest.mark.parametrize("name, sanitizer", fuzz.PACKETS)
def test_nothing_is_found(tmp_path, name, sanitizer):
    program = fuzz.build(tmp_path, name, sanitizer)
    for seed in (1, 2, int(time.time())):
        done = fuzz.run(program, seed, fuzz.PACKETS[name, sanitizer])
        assert done.returncode == 0, (seed, done.stderr)


@pytest.mark.parametrize(
    "file, right, wrong, program", [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_a_fault_is_found(tmp_path, file, right, wrong, program):
    name, sanitizer = program
    theirs, ours = tmp_path / "crs" / "relay", tmp_path / "test" / "relay"
    theirs.mkdir(parents=True)
    ours.mkdir(parents=True)
    for source in (FAST, TABLE):
        shutil.copy(ROOT / "crs" / "relay" / source, theirs)
    for source in (f"{name}.c", "fast_model.h"):
        shutil.copy(fuzz.HERE / source, ours)
    text = (theirs / file).read_text()
    assert text.count(right) == 1
    (theirs / file).write_text(text.replace(right, wrong))
    faulty = fuzz.build(tmp_path, name, sanitizer, ours)
    assert fuzz.run(faulty, 1, fuzz.PACKETS[program]).returncode != 0
