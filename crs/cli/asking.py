"""Questions to the operator: a confirmation, a secret. The only place that reads standard input."""

import sys

from ..errors import OperatorFault


def confirm(question: str, undone: str) -> None:
    """Return when the operator says yes on the terminal. Raises OperatorFault that begins with ``undone``."""
    if not sys.stdin.isatty():
        raise OperatorFault(f"{undone}: there is no terminal to ask on; add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise OperatorFault(f"{undone}: not confirmed")


def secret() -> str:
    """One line from standard input, not echoed when it is a terminal."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass("Shared secret: ")
    return sys.stdin.readline().rstrip("\r\n")
