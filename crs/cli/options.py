"""The options of crs-cli: what each means, and which reader its value must pass.

Arguments have a table of their own (``arguments``), which costs more to import.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import names
from . import reading

FORMATS = ("summary", "json", "tsv")  # of health-check
EVERYWHERE = "[--home DIR]"  # what every action takes, as a docopt pattern


class Parameter(NamedTuple):
    """The help of an argument or option, and the reader of its text (it raises ValueError)."""

    help: str
    read: Callable[[str], Any] = str


OPTIONS: dict[str, Parameter] = {
    "-s SECRET": Parameter("shared secret, as agreed with the CMS; '-' reads it from standard input"),
    "-b BITS": Parameter("length of the secret in bits, rounded up to whole bytes", reading.number(1, 8192)),
    "-B BYTES": Parameter("length of the secret in bytes", reading.number(1, 1024)),
    "-c COMMENT": Parameter("a comment, for people", reading.comment),
    "-v": Parameter("verbose: print the client token and the domain token, too"),
    "--account ID": Parameter("only what concerns this account", names.account),
    "--uri URI": Parameter("only what concerns this client", names.uri),
    "--local-only": Parameter("test clients attach to this host only, over its loopback interface"),
    "--output-format FORMAT": Parameter(
        "summary (ok, warning or error), json (the default) or tsv: every test", reading.choice("format", FORMATS)
    ),
    "--json": Parameter("print JSON instead of a table"),
    "--yes": Parameter("do not ask"),
    "--home DIR": Parameter("home directory of the CRS (else CRS_HOME, else /opt/crs)"),
    "-h, --help": Parameter("show this text"),
}
