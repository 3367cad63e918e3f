"""Actions about accounts: create, list, delete, show, and create sharedSecret (manual, chapters 4.2 to 4.4, 5.4)."""

import base64

from ..daemon.processes import of_worker
from ..errors import OperatorFault
from ..home.accountfiles import AccountFiles
from ..trust import strength
from . import asking, known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable

DEFAULT_BYTES = 16  # 128 bits (manual, chapter 5.4, create account)
MAX_SECRET = 2048  # characters


def create(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``create account``: a new record, its files, and the secret for the CMS."""
    account = arguments["<account-id>"]
    if host.store.accounts.get(account):
        raise OperatorFault(f"account {account} exists already; crs-cli list account shows it")
    secret = _given_secret(arguments["-s"]) if arguments["-s"] is not None else _random_secret(host, arguments)
    if strength.weak(secret):
        host.warn("the shared secret has less than 128 bits; crs-cli create sharedSecret makes a good one")
    files, now = AccountFiles(host.home.accounts, account), host.now()
    files.make()
    host.store.accounts.put(account, secret, now, now)
    files.write_secret(secret)
    return _listed(host, {account: secret})


def create_secret(host: LocalHost, arguments: Arguments) -> Line:
    """``create sharedSecret``."""
    secret = _random_secret(host, arguments)
    return Line(secret, {"shared_secret": secret})


def listing(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``list account``."""
    return _listed(host, {account: record.secret for account, record in host.store.accounts.all().items()})


def show(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show account``: what each process that handles clients has loaded."""
    rows = [
        (process.host, of_worker(process.name).name, process.pid, process.accounts)
        for process in host.store.directory.processes(host.now())
    ]
    return ResultTable(("SERVER", "MODULE", "PID", "LOADED ACCOUNTS"), rows)


def delete(host: LocalHost, arguments: Arguments) -> Line:
    """``delete account``: the records first, so that its clients are shut out before their data is deleted."""
    account = arguments["<account-id>"]
    files = AccountFiles(host.home.accounts, account)
    if not (host.store.accounts.get(account) or files.exists()):
        raise known.no_account(account)
    if not arguments["--yes"]:
        asking.confirm(
            f"Permanently delete account {account}, its updates and everything kept for its clients?",
            f"account {account} was not deleted",
        )
    host.store.accounts.delete(account, host.now())
    host.store.operator.forget_account(account, host.now())
    clients = host.store.erase(account)
    files.remove()
    return Line(
        f"account {account} deleted, with what was kept for {clients} clients", {"account": account, "clients": clients}
    )


def _listed(host: LocalHost, secrets: dict[str, str]) -> ResultTable:
    rows = [
        (account, str(AccountFiles(host.home.accounts, account).path), secret)
        for account, secret in sorted(secrets.items())
    ]
    return ResultTable(("ID", "path", "shared secret"), rows)


def _random_secret(host: LocalHost, arguments: Arguments) -> str:
    bits, count = arguments["-b"], arguments["-B"]
    if bits is not None:
        count = (bits + 7) // 8
    return base64.b64encode(host.random(DEFAULT_BYTES if count is None else count)).decode()


def _given_secret(text: str) -> str:
    secret = asking.secret() if text == "-" else text
    if not (secret.isprintable() and secret == secret.strip() and 1 <= len(secret) <= MAX_SECRET):
        raise OperatorFault(
            f"the shared secret is not valid: 1 to {MAX_SECRET} printable characters, "
            "no space at either end; crs-cli create sharedSecret makes a good one"
        )
    return secret
