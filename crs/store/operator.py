"""What the operator decides: who is blocked, which peers and admins there are, rooms, settings of accounts.

Each is a record (see ``records``) whose kind, element and value are explained here. A record that belongs to an account
names it in its element, so that all records of an account can be deleted with it. The accounts themselves, and their
monthly updates, are in ``accounts``.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from ..names import Client
from .records import Records

BLACKLIST = "blacklist"  # ``<account> <uri>``                       -> Blocked
IW = "iw"  # ``<ip>``                                  -> Peer
ADMIN = "admin"  # ``<name>``                                -> Admin
ADMIN_ACCOUNT = "admin-account"  # ``<name> <account>``                      -> {}
AUTHORIZATION = "admin-authorization"  # ``<name> <account> <one of AUTHORIZATIONS>`` -> {}
ROOM = "room"  # ``<number> <account> <uri>``              -> RoomRecord
SETTING = "setting"  # ``<account> <one of SETTINGS>``           -> true; no record: off

# Which word of an element is the account, for the kinds that belong to one.
_ACCOUNT_AT = {BLACKLIST: 0, ADMIN_ACCOUNT: 1, AUTHORIZATION: 1, ROOM: 1, SETTING: 0}

AUTHORIZATIONS = {"update": "apply monthly updates for an account", "statistics": "manage statistics for an account"}
STATISTICS = "statistics"
UPDATE_NOTIFICATION = "update-notification"
SETTINGS = (STATISTICS, UPDATE_NOTIFICATION)


Value = TypeVar("Value")


class Blocked(msgspec.Struct, frozen=True):
    """A client that may not use the service."""

    since: int  # ms


class Peer(msgspec.Struct, frozen=True):
    """An inter-working CRS instance."""

    secret: str  # shared with its operator
    comment: str


class Admin(msgspec.Struct, frozen=True):
    """A remote admin."""

    secret: str
    created: int  # ms


class RoomRecord(msgspec.Struct, frozen=True):
    """A conference room of one client."""

    created: int  # ms


class Operator:
    """Every method raises Unavailable unless Redis has confirmed it; times are milliseconds.

    To put or delete something twice is as good as once; whether it was there before is for the caller to ask.
    """

    def __init__(self, records: Records):
        self._records = records

    def version(self) -> int:
        """Grows with every change of what the operator decides, accounts and updates too."""
        return self._records.version()

    # --- blacklist --------------------------------------------------------------------------------------------------

    def block(self, client: Client, now: int) -> None:
        self._records.put(BLACKLIST, f"{client.account} {client.uri}", Blocked(now), now)

    def unblock(self, client: Client, now: int) -> None:
        self._records.delete(BLACKLIST, f"{client.account} {client.uri}", now)

    def blocked(self) -> dict[Client, Blocked]:
        """Every blacklisted client."""
        return {Client(uri, account): value for (account, uri), value in self._all(BLACKLIST, Blocked)}

    def each_blocked(self) -> Iterator[tuple[Client, Blocked]]:
        """Every blacklisted client, by account and URI; for lists of any length."""
        for (account, uri), value in self._each(BLACKLIST, Blocked):
            yield Client(uri, account), value

    # --- inter-working ----------------------------------------------------------------------------------------------

    def put_peer(self, ip: str, secret: str, comment: str, now: int) -> None:
        self._records.put(IW, ip, Peer(secret, comment), now)

    def delete_peer(self, ip: str, now: int) -> None:
        self._records.delete(IW, ip, now)

    def peers(self) -> dict[str, Peer]:
        """By IP address."""
        return {ip: value for (ip,), value in self._all(IW, Peer)}

    # --- admins -----------------------------------------------------------------------------------------------------

    def put_admin(self, name: str, secret: str, now: int) -> None:
        self._records.put(ADMIN, name, Admin(secret, now), now)

    def delete_admin(self, name: str, now: int) -> None:
        """Delete an admin first, so that it may do nothing from then on; then its access to accounts."""
        self._records.delete(ADMIN, name, now)
        for kind in (ADMIN_ACCOUNT, AUTHORIZATION):
            self._delete_where(kind, 0, name, now)

    def admins(self) -> dict[str, Admin]:
        """By name."""
        return {name: value for (name,), value in self._all(ADMIN, Admin)}

    def put_access(self, admin: str, account: str, now: int) -> None:
        """Give an admin access to an account; it may do nothing there yet."""
        self._records.put(ADMIN_ACCOUNT, f"{admin} {account}", {}, now)

    def delete_access(self, admin: str, account: str, now: int) -> None:
        """Take the access away, and all authorizations with it."""
        self._records.delete(ADMIN_ACCOUNT, f"{admin} {account}", now)
        for authorization in AUTHORIZATIONS:
            if self._records.get(AUTHORIZATION, f"{admin} {account} {authorization}") is not None:
                self.delete_authorization(admin, account, authorization, now)

    def put_authorization(self, admin: str, account: str, authorization: str, now: int) -> None:
        self._records.put(AUTHORIZATION, f"{admin} {account} {authorization}", {}, now)

    def delete_authorization(self, admin: str, account: str, authorization: str, now: int) -> None:
        self._records.delete(AUTHORIZATION, f"{admin} {account} {authorization}", now)

    def access(self) -> dict[str, dict[str, frozenset[str]]]:
        """What each existing admin may do: admin -> account -> authorizations.

        An authorization counts only with access to its account, and access only for an admin that exists: in whatever
        order the hosts of a pool exchange these records, nothing that was taken away is allowed.
        """
        given: dict[tuple[str, str], set[str]] = {}
        for (admin, account, authorization), _ in self._all(AUTHORIZATION, dict):
            given.setdefault((admin, account), set()).add(authorization)
        found: dict[str, dict[str, frozenset[str]]] = {admin: {} for admin in self.admins()}
        for (admin, account), _ in self._all(ADMIN_ACCOUNT, dict):
            if admin in found:
                found[admin][account] = frozenset(given.get((admin, account), ()))
        return found

    # --- conference rooms -------------------------------------------------------------------------------------------

    def put_room(self, number: str, owner: Client, now: int) -> None:
        self._records.put(ROOM, f"{number} {owner.account} {owner.uri}", RoomRecord(now), now)

    def delete_room(self, number: str, owner: Client, now: int) -> None:
        self._records.delete(ROOM, f"{number} {owner.account} {owner.uri}", now)

    def rooms(self) -> list[tuple[str, Client]]:
        """Every room as (number, owner), in order. A number may belong to several accounts."""
        return [(number, Client(uri, account)) for (number, account, uri), _ in self._all(ROOM, RoomRecord)]

    def each_room(self) -> Iterator[tuple[str, Client]]:
        """As ``rooms``, for lists of any length."""
        for (number, account, uri), _ in self._each(ROOM, RoomRecord):
            yield number, Client(uri, account)

    # --- settings of an account -------------------------------------------------------------------------------------

    def switch(self, account: str, setting: str, on: bool, now: int) -> None:
        """Switch one of SETTINGS on or off; off is the default, and has no record."""
        if on:
            self._records.put(SETTING, f"{account} {setting}", True, now)
        else:
            self._records.delete(SETTING, f"{account} {setting}", now)

    def switched_on(self, setting: str) -> set[str]:
        """The accounts for which a setting is on."""
        return {account for (account, name), on in self._all(SETTING, bool) if name == setting and on}

    # --- all of an account ------------------------------------------------------------------------------------------

    def forget_account(self, account: str, now: int) -> None:
        """Delete every record that belongs to an account; may be repeated."""
        for kind, at in _ACCOUNT_AT.items():
            self._delete_where(kind, at, account, now)

    def _delete_where(self, kind: str, at: int, word: str, now: int) -> None:
        for element in self._records.all(kind):
            if element.split(" ")[at] == word:
                self._records.delete(kind, element, now)

    def _all(self, kind: str, form: type[Value]) -> Iterator[tuple[tuple[str, ...], Value]]:
        """Words of the element and the value of every record of a kind, in order."""
        return _converted(sorted(self._records.all(kind).items()), form)

    def _each(self, kind: str, form: type[Value]) -> Iterator[tuple[tuple[str, ...], Value]]:
        """As ``_all``, for lists of any length; it takes a round trip more."""
        return _converted(self._records.walk(kind), form)


def _converted(records: Iterable[tuple[str, Any]], form: type[Value]) -> Iterator[tuple[tuple[str, ...], Value]]:
    for element, value in records:
        yield tuple(element.split(" ")), msgspec.convert(value, form)
