"""bin/crs-client: its command line.

Messages on a command line can be seen by every user of the machine; where that matters, pipe them into ``send``.
"""

import logging
import sys
from collections.abc import Callable

import docopt

from crs import __version__
from crs.client import script, terminal
from crs.client.output import Output
from crs.client.phone import Phone
from crs.client.script import Options
from crs.errors import CrsError
from crs.trust import address

USAGE = """crs-client: the CRS reference client. CREDENTIAL is the file that the CMS issued (crs-cms credential).

Usage:
  crs-client [options] [--server HOST:PORT]... CREDENTIAL
  crs-client [options] [--server HOST:PORT]... CREDENTIAL send NUMBER
  crs-client [options] [--server HOST:PORT]... CREDENTIAL fetch
  crs-client [options] [--server HOST:PORT]... CREDENTIAL call NUMBER
  crs-client [options] [--server HOST:PORT]... CREDENTIAL answer
  crs-client -h | --help | --version

Without an action it is a terminal: type help there. With one it does that and ends; exit status 0 only if all of it
was done within the timeout.
  send    post a message for each line of standard input, or as --text and --count say
  fetch   show and acknowledge messages: --count of them, else those that are waiting
  call    call NUMBER; with --play hang up when both sides have spoken, else talk until the other hangs up
  answer  wait for a call and take it; talk until the other hangs up

Options:
  --text TEXT           the message (numbered when there are several)
  --count N             how many messages
  --delivered           wait until the receiver has acknowledged them all
  --play WAV            speech for the calls: 16 bit mono 8000 Hz
  --record WAV          write what the other side says to this file
  --timeout SECONDS     for the whole action [default: 60]
  --server HOST:PORT    attach there instead of where the credential says; may be repeated
  --device-id ID        default: made up once, kept in CREDENTIAL.state
  --secondary           register as a secondary device
  --avoid-worker NAME   reconnect until another worker than NAME serves (for tests: attach:0)
  --json                print events as JSON, one a line
  --verbose             log to standard error what the connection goes through
  -h --help             this text
  --version             the release
"""


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0 done, 1 failed (one line on standard error says why), 2 not understood, 130 interrupted."""
    try:
        options = docopt.docopt(USAGE, argv, version=f"crs-client {__version__}")
    except docopt.DocoptExit as wrong:
        print(wrong, file=sys.stderr)
        return 2
    logging.basicConfig(format="%(message)s", level=logging.INFO if options["--verbose"] else logging.WARNING)
    phone = None
    try:
        servers = [address.parse(given) for given in options["--server"]]
        phone = Phone(
            options["CREDENTIAL"],
            servers,
            options["--device-id"],
            type="secondary" if options["--secondary"] else "primary",
            avoid_worker=options["--avoid-worker"],
        ).start()
        return _action(options)(phone, options, Output(options["--json"]))
    except CrsError as error:
        print(f"crs-client: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if phone is not None:
            phone.close()


def _action(options: Options) -> Callable[[Phone, Options, Output], int]:
    for name, action in script.ACTIONS.items():
        if options[name]:
            return action
    return terminal.run
