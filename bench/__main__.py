"""All benchmarks, one after another, and all their ratios again at the end. The exit code says whether any failed."""

import subprocess
import sys

NAMES = "relay", "idle", "attach", "messages", "calls"


def main() -> int:
    ratios: list[str] = []
    failed: list[str] = []
    for name in NAMES:
        process = subprocess.Popen(
            [sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], stdout=subprocess.PIPE, text=True
        )
        for line in process.stdout or ():
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
