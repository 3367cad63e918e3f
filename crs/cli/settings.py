"""Switches of an account: stats enable and disable, update-notification enable and disable (manual, chapter 5.4).

They change records, which the workers follow.
"""

from ..store.operator import STATISTICS, UPDATE_NOTIFICATION
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import Line

_NAMES = {STATISTICS: "statistics", UPDATE_NOTIFICATION: "crypto update notifications"}


def enable_statistics(host: LocalHost, arguments: Arguments) -> Line:
    """``stats enable``."""
    return _switch(host, arguments, STATISTICS, True)


def disable_statistics(host: LocalHost, arguments: Arguments) -> Line:
    """``stats disable``: what was counted stays until it is cleared."""
    return _switch(host, arguments, STATISTICS, False)


def enable_notification(host: LocalHost, arguments: Arguments) -> Line:
    """``update-notification enable``."""
    return _switch(host, arguments, UPDATE_NOTIFICATION, True)


def disable_notification(host: LocalHost, arguments: Arguments) -> Line:
    """``update-notification disable``."""
    return _switch(host, arguments, UPDATE_NOTIFICATION, False)


def _switch(host: LocalHost, arguments: Arguments, setting: str, on: bool) -> Line:
    account, word = known.account(host, arguments), "enabled" if on else "disabled"
    already = (account in host.store.operator.switched_on(setting)) == on
    if not already:
        host.store.operator.switch(account, setting, on, host.now())
    return Line(
        f"{_NAMES[setting]} {'were already' if already else 'are now'} {word} for account {account}",
        {"account": account, setting.replace("-", "_"): on, "changed": not already},
    )
