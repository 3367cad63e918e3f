"""Builds and runs the fuzzers of the C part (``fast_fuzz.c``, ``fast_threads.c``).

``python -m test.relay.fuzz [TIMES [SEED]]``; ``make fuzz``: 20 times as many packets as the tests, a minute or so. All
runs are bounded by packets, so that what a seed finds does not depend on the machine and its load.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ADDRESSES, THREADS = "address,undefined", "thread"  # sanitizers
TIMES = 20
PATIENCE = 100  # seconds for what takes one on an idle core; a run that hangs ends by it

# Packets (of fast_threads: of each of its loops). Of each fault in test_fast_fuzz, the seed that found it last needed
# 131,072 packets in fast_fuzz, and 16,384 in fast_threads.
PACKETS = {
    ("fast_fuzz", ADDRESSES): 2_000_000,
    ("fast_threads", ADDRESSES): 500_000,
    ("fast_threads", THREADS): 200_000,
}


def build(folder: Path, name: str, sanitizer: str = "", sources: Path = HERE) -> Path:
    """The program ``name``, with a sanitizer in it."""
    program = folder / f"{name}-{sanitizer}"
    sanitizers = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all") if sanitizer else ()
    flags = "-g", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pthread"
    subprocess.run(["cc", *flags, *sanitizers, "-o", program, sources / f"{name}.c"], check=True)
    return program


def run(program: Path, seed: int, packets: int, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Have it try so many packets. Raises TimeoutExpired after ``patience`` seconds."""

    def done(*prefix: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, program, str(seed), str(packets)],
            capture_output=True,
            text=True,
            timeout=patience,
            env=os.environ | {"TSAN_OPTIONS": "halt_on_error=1"},
        )

    tried = done()
    if "unexpected memory mapping" in tried.stderr:  # older thread sanitizers cannot bear random addresses
        tried = done("setarch", "-R")
    return tried


def main() -> int:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    worst = 0
    with tempfile.TemporaryDirectory(prefix="crs-fuzz-") as folder:
        for (name, sanitizer), packets in PACKETS.items():
            done = run(build(Path(folder), name, sanitizer), seed, times * packets, times * PATIENCE)
            print(f"{name}, {sanitizer}, seed {seed}: {done.stdout}{done.stderr}exit code {done.returncode}")
            worst = worst or done.returncode
    return worst


if __name__ == "__main__":
    sys.exit(main())
