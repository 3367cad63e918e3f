"""Actions about remote admins, their accounts and what they may do there (manual, chapters 4.9, 5.4).

What an authorization allows is up to the admin methods of the protocol.
"""

import base64

from ..errors import OperatorFault
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable

SECRET_BYTES = 16  # 128 bits


def create(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``create admin``: prints the secret that was made for it."""
    name = arguments["<name>"]
    if name in host.store.operator.admins():
        raise OperatorFault(f"admin {name} exists already; crs-cli show admin {name} shows it")
    secret = base64.b64encode(host.random(SECRET_BYTES)).decode()
    host.store.operator.put_admin(name, secret, host.now())
    return _shown(name, secret)


def delete(host: LocalHost, arguments: Arguments) -> Line:
    """``delete admin``, with its access to all accounts."""
    name = _existing(host, arguments)
    host.store.operator.delete_admin(name, host.now())
    return Line(f"admin {name} deleted", {"name": name})


def show_all(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show admins``."""
    rows = [(name, sorted(accounts)) for name, accounts in host.store.operator.access().items()]
    return ResultTable(("Admin", "Accounts"), rows)


def show(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show admin``."""
    name = _existing(host, arguments)
    return _shown(name, host.store.operator.admins()[name].secret)


def accounts(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show admin-accounts``."""
    given = host.store.operator.access()[_existing(host, arguments)]
    return ResultTable(
        ("Account", "Authorizations"), [(account, sorted(may)) for account, may in sorted(given.items())]
    )


def add_account(host: LocalHost, arguments: Arguments) -> Line:
    """``add admin-account``."""
    name, account = _existing(host, arguments), known.account(host, arguments)
    if account in host.store.operator.access()[name]:
        raise OperatorFault(f"admin {name} has access to account {account} already")
    host.store.operator.put_access(name, account, host.now())
    return Line(f"admin {name} has access to account {account}", {"name": name, "account": account})


def delete_account(host: LocalHost, arguments: Arguments) -> Line:
    """``delete admin-account``, with the authorizations that go with it."""
    name, account = _with_access(host, arguments)
    host.store.operator.delete_access(name, account, host.now())
    return Line(f"admin {name} has no access to account {account} any more", {"name": name, "account": account})


def add_authorization(host: LocalHost, arguments: Arguments) -> Line:
    """``add admin-account-authorization``."""
    name, account = _with_access(host, arguments)
    authorization = arguments["<authorization>"]
    if authorization in host.store.operator.access()[name][account]:
        raise OperatorFault(f"admin {name} has the authorization {authorization} for account {account} already")
    host.store.operator.put_authorization(name, account, authorization, host.now())
    return Line(
        f"admin {name} has the authorization {authorization} for account {account}",
        {"name": name, "account": account, "authorization": authorization},
    )


def delete_authorization(host: LocalHost, arguments: Arguments) -> Line:
    """``delete admin-account-authorization``."""
    name, account = _with_access(host, arguments)
    authorization = arguments["<authorization>"]
    if authorization not in host.store.operator.access()[name][account]:
        raise OperatorFault(
            f"admin {name} has no authorization {authorization} for account {account}; "
            f"crs-cli show admin-accounts {name} shows what it has"
        )
    host.store.operator.delete_authorization(name, account, authorization, host.now())
    return Line(
        f"admin {name} has the authorization {authorization} for account {account} no more",
        {"name": name, "account": account, "authorization": authorization},
    )


def _existing(host: LocalHost, arguments: Arguments) -> str:
    name: str = arguments["<name>"]
    if name not in host.store.operator.admins():
        raise OperatorFault(f"there is no admin {name}; crs-cli show admins shows which there are")
    return name


def _with_access(host: LocalHost, arguments: Arguments) -> tuple[str, str]:
    """The admin and an account that it has access to, even if the account was deleted."""
    name, account = _existing(host, arguments), arguments["<account-id>"]
    if account not in host.store.operator.access()[name]:
        raise OperatorFault(
            f"admin {name} has no access to account {account}; crs-cli add admin-account {name} {account} gives it"
        )
    return name, account


def _shown(name: str, secret: str) -> ResultTable:
    return ResultTable(("Name", "Secret"), [(name, secret)])
