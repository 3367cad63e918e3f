"""Builds and runs the fuzzer of the C part: ``python -m test.relay.fuzz [SECONDS [SEED]]``, ``make fuzz`` for a minute.

Never here: what is tried (``fast_fuzz.c``).
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("fast_fuzz.c")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(folder: Path) -> Path:
    """The program, with the address and undefined behaviour sanitizers in it."""
    program = folder / "fast_fuzz"
    subprocess.run(["cc", "-g", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *SANITIZERS, "-o", program,
                    SOURCE], check=True)
    return program


def run(program: Path, seed: int, seconds: int) -> subprocess.CompletedProcess:
    return subprocess.run([program, str(seed), str(seconds)], capture_output=True, text=True, timeout=seconds + 60)


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    with tempfile.TemporaryDirectory(prefix="crs-fuzz-") as folder:
        done = run(build(Path(folder)), seed, seconds)
    print(f"seed {seed}: {done.stdout}{done.stderr}exit code {done.returncode}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
