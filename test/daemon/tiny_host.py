"""``crsd`` with tiny attach workers: all else (relay, Redis, locks, sockets, signals) is as an operator starts it.

Arguments: BEHAVIOUR of the workers (see ``tiny_worker``) and those of crsd. $LEAVE_WITHIN, $START_WITHIN: seconds to
end and to start in, other than the product's.
"""

import os
import sys
from pathlib import Path

from crs.daemon import main, supervisor
from crs.home.paths import Home

TINY = str(Path(__file__).with_name("tiny_worker.py"))
module_command = supervisor.module_command


def command(home: Home, module: str, index: int) -> list[str]:
    if module == "attach":
        return [sys.executable, TINY, sys.argv[1], str(index), str(home)]
    return module_command(home, module, index)


supervisor.module_command = command
if limit := os.environ.get("LEAVE_WITHIN"):
    supervisor.LEAVING = tuple((processes, float(limit)) for processes, _ in supervisor.LEAVING)
if limit := os.environ.get("START_WITHIN"):
    supervisor.SLOW_START = float(limit)
sys.exit(main.main(sys.argv[2:]))
