"""What drives the C part finds nothing in it, and finds what is put wrong in it on purpose."""

import shutil
import subprocess
import time

import pytest

from test.compiler import can_build

from . import fuzz
from .running import ROOT

PROGRAMS = [(name, sanitizer) for name, sanitizers in fuzz.ALL.items() for sanitizer in sanitizers]
FAST, TABLE = "fast.c", "fast_table.h"

# Each: what it is, where, what stands there, what is put there instead, and who is to find it
FAULTS = [
    ("bursts beyond 64 KiB", FAST, "MAX_BURST = 40", "MAX_BURST = 64", "fast_fuzz", ""),
    ("bursts without end", FAST, "slot->burst < MAX_BURST", "slot->burst", "fast_fuzz", ""),
    ("bursts not counted", FAST, "joins ? slot->burst + 1 : 1}", "1}", "fast_fuzz", ""),
    ("bursts counted on", FAST, "joins ? slot->burst + 1 : 1}", "slot->burst + 1}", "fast_fuzz", ""),
    ("bursts of any sizes", FAST, "part.iov_len == part.iov_len", "part.iov_len", "fast_fuzz", ""),
    ("bursts of a batch before", FAST, "joins = slot->batch == l->batch", "joins = slot->to == to", "fast_fuzz", ""),
    ("bursts of another leg", FAST, " && l->slots[i % SLOTS].to != to", " && 0", "fast_fuzz", ""),
    ("IPv6 scope not compared", TABLE, "a->v6.sin6_scope_id == b->v6.sin6_scope_id", "1", "fast_fuzz", ""),
    ("IPv6 scope not bound", TABLE, "a.v6.sin6_scope_id = scope", "(void)scope", "fast_fuzz", ""),
    ("IPv6 scope not told", FAST, "? 0 : a->v6.sin6_scope_id", "? 0 : 0", "fast_fuzz", ""),
    ("IPv6 port not compared", TABLE, "a->v6.sin6_port == b->v6.sin6_port", "1", "fast_fuzz", ""),
    ("another loop's socket", FAST, "to->fds[l->number]", "to->fds[0]", "fast_fuzz", ""),
    ("another loop's counts", FAST, "&leg->traffic->by[l->number]", "&leg->traffic->by[0]", "fast_fuzz", ""),
    (
        "moved, but not taken out",
        TABLE,
        "    if (leg->length)\n        take_out(t, leg);\n    leg->address",
        "    leg->address",
        "fast_fuzz",
        "",
    ),
    (
        "read without a lock",
        FAST,
        "pthread_rwlock_rdlock(&l->table->lock);",
        "pthread_rwlock_rdlock(&(pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER);",
        "fast_threads",
        fuzz.THREADS,
    ),
    (
        "linked without a lock",
        TABLE,
        "    pthread_rwlock_wrlock(&t->lock);\n    leg->other",
        "    pthread_rwlock_rdlock(&t->lock);\n    leg->other",
        "fast_threads",
        fuzz.THREADS,
    ),
    (
        "sent with the lock gone",
        FAST,
        "flush(l);\n            if (odd)",
        "flush(l);\n            if (l->at)\n                find(l->table, &l->sources[0]);\n            if (odd)",
        "fast_threads",
        fuzz.THREADS,
    ),
]

if can_build():  # where C cannot be built there is nothing to fuzz

    @pytest.fixture(scope="module")
    def folder(tmp_path_factory):
        return tmp_path_factory.mktemp("fuzz")

    @pytest.mark.parametrize("name, sanitizer", PROGRAMS)
    def test_nothing_is_found(folder, name, sanitizer):
        program = fuzz.build(folder, name, sanitizer)
        for seed in (1, 2, int(time.time())):
            done = fuzz.run(program, seed, 2)
            assert done.returncode == 0, (seed, done.stderr)

    @pytest.mark.parametrize(
        "file, right, wrong, name, sanitizer", [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
    )
    def test_a_fault_is_found(tmp_path, file, right, wrong, name, sanitizer):
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
        try:
            assert fuzz.run(fuzz.build(tmp_path, name, sanitizer, ours), 1, 3, patience=1).returncode != 0
        except subprocess.TimeoutExpired:  # a chain that goes round
            pass
