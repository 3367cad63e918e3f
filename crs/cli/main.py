"""``crs-cli``: carry out one action and print its result (manual, chapter 5). Exit codes: ``actions.EXIT_CODES``.

Errors that the operator can do something about are one line on standard error.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module

from ..errors import CrsError, OperatorFault, Unavailable
from . import usage
from .actions import Arguments
from .host import LocalHost
from .output import RED, Result, tell, write


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (default: of this process) and return its exit code."""
    with open(os.devnull, "w") as nowhere:
        # None: closed by the caller (>&-), who asks for the exit code alone.
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
        return _exit_code(sys.argv[1:] if argv is None else argv)


def _exit_code(argv: list[str]) -> int:
    try:
        return _run(argv)
    except usage.UsageFault as error:
        return _failed(error, 2)
    except CrsError as error:
        return _failed(error, 1)
    except BrokenPipeError:
        # The reader closed the pipe. Nothing more may be written, not even by the interpreter's last flush.
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
        line = usage.parse(argv)
    except usage.HelpAsked as text:
        print(text, flush=True)
        return 0
    host = LocalHost(line.arguments["--home"])
    try:
        return write(sys.stdout, carry_out(line, host), as_json=line.arguments["--json"])
    except Unavailable as error:
        raise OperatorFault(f"{error}; {host.remedy}") from None


def carry_out(line: usage.CommandLine, host: LocalHost) -> Result:
    """Call the function of an action; returns what it returns."""
    module, name = line.action.function.split(".")
    action: Callable[[LocalHost, Arguments], Result] = getattr(import_module(f"crs.cli.{module}"), name)
    return action(host, line.arguments)


def _failed(error: CrsError | str, code: int) -> int:
    tell(sys.stderr, RED, str(error))
    return code
