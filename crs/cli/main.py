"""``crs-cli``: carry out one action and print its result (manual, chapter 5). Exit codes: ``actions.EXIT_CODES``.

Never here: what any action does. Errors that the operator can do something about are one line on standard error.
"""

import os
import sys
from importlib import import_module

from ..errors import CrsError, OperatorFault, Unavailable
from . import usage
from .host import Host
from .output import RED, tell, write


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (default: of this process) and return its exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller (>&-): the exit code is what is asked for
            setattr(sys, name, open(os.devnull, "w"))
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except usage.UsageFault as error:
        return _failed(error, 2)
    except CrsError as error:
        return _failed(error, 1)
    except BrokenPipeError:
        # Who read our output has enough. Nothing more may be written, not even by the interpreter's last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        remedy = "; run it as root, or as the user that crsd runs as" if isinstance(error, PermissionError) else ""
        return _failed(f"{error.filename or 'system'}: {error.strerror or error}{remedy}", 1)
    except KeyboardInterrupt:
        return 130


def _run(argv: list[str]) -> int:
    if argv[:1] == ["--complete"]:
        from .completion import complete

        print(*complete(" ".join(argv[1:])), sep="\n", flush=True)
        return 0
    try:
        call = usage.parse(argv)
    except usage.HelpAsked as text:
        print(text, flush=True)
        return 0
    module, name = call.action.function.split(".")
    act = getattr(import_module(f"crs.cli.{module}"), name)
    host = Host(call.arguments["--home"])
    try:
        return write(sys.stdout, act(host, call.arguments), as_json=call.arguments["--json"])
    except Unavailable as error:
        raise OperatorFault(f"{error}; {host.remedy}") from None


def _failed(error, code: int) -> int:
    tell(sys.stderr, RED, str(error))
    return code
