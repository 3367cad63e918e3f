"""Builds and runs the fuzzers of the C part: ``python -m test.relay.fuzz [SECONDS [SEED]]``; ``make fuzz``: a minute.

Never here: what is tried (``fast_fuzz.c``, ``fast_threads.c``).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ADDRESSES, THREADS = "address,undefined", "thread"  # sanitizers
ALL = {"fast_fuzz": (ADDRESSES,), "fast_threads": (ADDRESSES, THREADS)}


def build(folder: Path, name: str, sanitizer: str = "", sources: Path = HERE) -> Path:
    """The program ``name``, with a sanitizer in it."""
    program = folder / f"{name}-{sanitizer}"
    sanitizers = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all") if sanitizer else ()
    subprocess.run(
        [
            "cc",
            "-g",
            "-O1",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
            *sanitizers,
            "-o",
            program,
            sources / f"{name}.c",
        ],
        check=True,
    )
    return program


def run(program: Path, seed: int, seconds: int, patience: int = 60) -> subprocess.CompletedProcess:
    """Let it try for some seconds. Raises TimeoutExpired where it takes ``patience`` more than those."""

    def done(*prefix: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*prefix, program, str(seed), str(seconds)],
            capture_output=True,
            text=True,
            timeout=seconds + patience,
            env=os.environ | {"TSAN_OPTIONS": "halt_on_error=1"},
        )

    tried = done()
    if "unexpected memory mapping" in tried.stderr:  # older thread sanitizers cannot bear random addresses
        tried = done("setarch", "-R")
    return tried


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    each, worst = max(1, seconds // sum(map(len, ALL.values()))), 0
    with tempfile.TemporaryDirectory(prefix="crs-fuzz-") as folder:
        for name, sanitizers in ALL.items():
            for sanitizer in sanitizers:
                done = run(build(Path(folder), name, sanitizer), seed, each)
                print(f"{name}, {sanitizer}, seed {seed}: {done.stdout}{done.stderr}exit code {done.returncode}")
                worst = worst or done.returncode
    return worst


if __name__ == "__main__":
    sys.exit(main())
