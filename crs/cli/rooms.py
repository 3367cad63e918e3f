"""Actions about conference rooms: create, delete, list, lookup (manual, chapter 5.4)."""

from collections.abc import Iterable

from ..errors import OperatorFault
from ..names import Client
from . import domains, known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable


def create(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``create conference-room``."""
    number = arguments["<number>"]
    owner = known.client_or_consent(host, arguments, "Create its room all the same?", "the room was not created")
    for taken, by in host.store.operator.rooms():
        if (taken, by.account) == (number, owner.account):
            raise OperatorFault(f"room {number} of account {by.account} belongs to {by.uri} already")
    host.store.operator.put_room(number, owner, host.now())
    return _listed([(number, owner)])


def delete(host: LocalHost, arguments: Arguments) -> Line:
    """``delete conference-room``."""
    number, owner = arguments["<number>"], Client(arguments["<uri>"], arguments["<account-id>"])
    if (number, owner) not in host.store.operator.rooms():
        raise OperatorFault(
            f"{owner.uri} of account {owner.account} has no room {number}; "
            "crs-cli list conference-room shows which there are"
        )
    host.store.operator.delete_room(number, owner, host.now())
    return Line(
        f"room {number} of {owner.uri} deleted", {"conference_room": number, "account": owner.account, "uri": owner.uri}
    )


def listing(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``list conference-room``."""
    return _listed(host.store.operator.each_room())


def lookup(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``lookup conference-room``: in the account's own domain, and in those connected with it."""
    number, account = arguments["<number>"], known.account(host, arguments)
    order = domains.reached(domains.view(host), account)
    found = [
        (number, owner.account, owner.uri)
        for room, owner in host.store.operator.rooms()
        if room == number and owner.account in order
    ]
    if not found:
        raise OperatorFault(
            f"no room {number} in domain {' or '.join(order)}; crs-cli list conference-room shows which there are"
        )
    return ResultTable(("CONFERENCE-ROOM", "DOMAIN", "URI"), sorted(found, key=lambda row: order.index(row[1])))


def _listed(rooms: Iterable[tuple[str, Client]]) -> ResultTable:
    return ResultTable(
        ("CONFERENCE-ROOM", "ACCOUNT", "URI"), ((number, owner.account, owner.uri) for number, owner in rooms)
    )
