"""crs-cms: the key manager's tool. It writes what one account hands out: monthly updates and client credentials.

Usage:
  crs-cms init DIR --account ID --secret FILE
  crs-cms add-client URI... [--home DIR]
  crs-cms remove-client URI... [--home DIR]
  crs-cms connect ACCOUNT TOKEN [--home DIR]
  crs-cms disconnect ACCOUNT [--home DIR]
  crs-cms domain-token [--home DIR]
  crs-cms update --out FILE [--month YYYYMM] [--home DIR]
  crs-cms credential URI (--server HOST:PORT)... --out FILE [--home DIR]
  crs-cms show [--home DIR]
  crs-cms --help
  crs-cms --version

Actions:
  init           make DIR the home of the CMS of a new account
  add-client     add clients: numbers such as +46701234567, or urn:x-crs:client:<name>
  remove-client  take clients out of the updates to come
  connect        let clients reach those of ACCOUNT, once ACCOUNT connects back; TOKEN is a file with its domain token
  disconnect     take that back
  domain-token   print the own domain token, for the key managers of other accounts
  update         write the protected update file for 'crs-cli apply'; once more for a month: a re-issue, keys unchanged
  credential     write the credential file of a client, for this month and the next
  show           print account, connections, months and clients (no keys)

Options:
  --account ID        account id, as given to 'crs-cli create account'
  --secret FILE       file with the account's shared secret on its first line; - reads it from standard input
  --home DIR          home of the CMS; otherwise the environment variable CRS_CMS_HOME names it
  --month YYYYMM      month of the update; otherwise the current month (UTC)
  --server HOST:PORT  where the client attaches; give it once for each name or address
  --out FILE          file to write, for its owner alone (0600)
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docopt import DocoptExit, docopt

from crs import __version__
from crs.cms import issue, state
from crs.cms.state import CmsFault, CmsState
from crs.errors import CrsError
from crs.home import files
from crs.trust import address, credential, months, update

Options = dict[str, Any]  # as docopt gives them

MAX_TEXT = 4096  # bytes in a file with a secret or a domain token


def main(argv: list[str] | None = None) -> int:
    """Carry out one command; returns the exit code: 0, or 1 for a fault (one line on stderr), 2 for wrong usage."""
    try:
        options = docopt(__doc__.partition("\n\n")[2], argv, version=f"crs-cms {__version__}")
    except DocoptExit as usage:
        print(usage, file=sys.stderr)
        return 2
    try:
        action = next(name for name in ACTIONS if options[name])
        ACTIONS[action](options, int(time.time() * 1000))
    except CrsError as error:
        print(f"crs-cms: {error}", file=sys.stderr)
        return 1
    return 0


def init(options: Options, now: int) -> None:
    fresh = issue.new(options["--account"], _first_line(options["--secret"], "secret"), os.urandom)
    state.create(Path(options["DIR"]), fresh)
    print(f"account {fresh.account} is ready in {options['DIR']}")


def add_client(options: Options, now: int) -> None:
    with state.opened(_home(options)) as cms:
        uris = [issue.add_client(cms, text, os.urandom) for text in options["URI"]]
        state.save(_home(options), cms)
    print(f"added to {cms.account}: {', '.join(uris)}")


def remove_client(options: Options, now: int) -> None:
    with state.opened(_home(options)) as cms:
        uris = [issue.remove_client(cms, text) for text in options["URI"]]
        state.save(_home(options), cms)
    print(f"removed from {cms.account}: {', '.join(uris)}; their keys stay good until their month ends")


def connect(options: Options, now: int) -> None:
    token = _first_line(options["TOKEN"], "domain token")
    with state.opened(_home(options)) as cms:
        issue.connect(cms, options["ACCOUNT"], token)
        state.save(_home(options), cms)
    print(f"{cms.account} connects to {options['ACCOUNT']} from its next update on")


def disconnect(options: Options, now: int) -> None:
    with state.opened(_home(options)) as cms:
        issue.disconnect(cms, options["ACCOUNT"])
        state.save(_home(options), cms)
    print(f"{cms.account} connects to {options['ACCOUNT']} no longer, from its next update on")


def domain_token(options: Options, now: int) -> None:
    with state.opened(_home(options)) as cms:
        print(issue.own_token(cms))


def write_update(options: Options, now: int) -> None:
    with state.opened(_home(options)) as cms:
        written = issue.write_update(cms, options["--month"] or months.of(now), now, os.urandom)
        state.save(_home(options), cms)  # first: what was handed out can always be re-issued with the same keys
        files.write(Path(options["--out"]), update.protect(written, cms.secret) + b"\n")
    print(f"update of {written.account} for {written.month}, {len(written.clients)} clients, in {options['--out']}")


def write_credential(options: Options, now: int) -> None:
    servers = [address.parse(text) for text in options["--server"]]
    with state.opened(_home(options)) as cms:
        written = issue.write_credential(cms, options["URI"][0], servers, now, os.urandom)
        state.save(_home(options), cms)
        credential.save(options["--out"], written)
    print(f"credential of {written.client} for {', '.join(written.months)} in {options['--out']}")


def show(options: Options, now: int) -> None:
    with state.opened(_home(options)) as cms:
        for line in _lines(cms):
            print(line)


ACTIONS = {
    "init": init,
    "add-client": add_client,
    "remove-client": remove_client,
    "connect": connect,
    "disconnect": disconnect,
    "domain-token": domain_token,
    "update": write_update,
    "credential": write_credential,
    "show": show,
}


def _lines(cms: CmsState) -> Iterator[str]:
    yield f"account\t{cms.account}"
    for account in sorted(cms.domains):
        yield f"connects to\t{account}"
    for month, record in sorted(cms.months.items()):
        yield f"month\t{month}\t{update.utc(record.created) if record.created else 'no update written'}"
    for uri in sorted(cms.clients):
        yield f"client\t{uri}"


def _home(options: Options) -> Path:
    home = options["--home"] or os.environ.get("CRS_CMS_HOME")
    if not home:
        raise CmsFault("which CMS? Give --home DIR, or set CRS_CMS_HOME")
    return Path(home)


def _first_line(path: str, what: str) -> str:
    """The first line of a small text file, or of standard input for ``-``, without its line end."""
    try:
        if path == "-":
            data = sys.stdin.buffer.readline(MAX_TEXT)
        else:
            with open(path, "rb") as file:
                data = file.readline(MAX_TEXT)
        return data.decode().rstrip("\r\n").removeprefix("\ufeff")
    except OSError as error:
        raise CmsFault(f"cannot read the {what} from {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CmsFault(f"the {what} in {path} is not UTF-8 text") from None
