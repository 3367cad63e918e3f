"""All benchmarks, one after another; the ratios of all of them once more at the end. Exit code: whether any failed."""

import subprocess
import sys

NAMES = "relay", "idle", "attach", "messages", "calls"


def main() -> int:
    ratios, failed = [], []
    for name in NAMES:
        process = subprocess.Popen(
            [sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], stdout=subprocess.PIPE, text=True
        )
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("ratio "):
                ratios.append(line)
        if process.wait():
            failed.append(name)
    print("\n" + "".join(ratios), end="")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
