"""Builds ``xdp.bpf.o``, the relay's path of a packet in the network driver, where clang is at hand.

``setup.py`` builds it beside this file; ``python -m crs.relay.xdp_build`` does so in place. Where it is missing the
relay goes on without, also with ``media-offload xdp``.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SOURCE = Path(__file__).with_name("xdp.bpf.c")
OBJECT = SOURCE.with_suffix(".o")
CLANGS = ["clang", *(f"clang-{version}" for version in range(25, 11, -1))]  # as Debian names them


def clang() -> str | None:
    """The compiler, if this machine has it."""
    return next(filter(None, map(shutil.which, CLANGS)), None)


def build(target: Path = OBJECT, source: Path = SOURCE) -> str | None:
    """Build ``target``; returns why that cannot be, None: it is there. What was there before goes in any case."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    compiler = clang()
    if compiler is None:
        return "clang is not installed"
    headers = [f"-I/usr/include/{where}" for where in (sysconfig.get_config_var("MULTIARCH"),) if where]
    done = subprocess.run(
        [compiler, "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", *headers, "-c", str(source), "-o", str(target)],
        capture_output=True,
        text=True,
    )
    return done.stderr.strip() or f"{compiler} failed" if done.returncode else None


if __name__ == "__main__":
    sys.exit(build())
