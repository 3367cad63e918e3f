"""The C part is built where a compiler is at hand, and then used."""

import subprocess
import sys

from test.compiler import can_build

from .running import ROOT

BUILD = "import sys; from crs.relay.fast_build import ffibuilder; ffibuilder.compile(tmpdir=sys.argv[1])"
TRY = """
import os, sys, crs.relay
crs.relay.__path__.insert(0, sys.argv[1])
from crs.relay import fast
os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
print(fast.means(fast.loops()), fast.open_port({}, 1, [], "127.0.0.1", 0).drain.__qualname__)
"""


def test_it_is_built_where_a_compiler_is_at_hand(tmp_path):
    built = subprocess.run(
        [sys.executable, "-c", BUILD, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (built.returncode == 0) == can_build(), built.stderr
    if can_build():
        told = subprocess.run(
            [sys.executable, "-c", TRY, tmp_path / "crs" / "relay"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert told.stdout == "C, 1 loop FastPort.drain\n", told.stderr
