"""Accounts and their monthly updates, as records of the operator.

What an update contains is checked by ``crs.trust.update``.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ..names import Client
from . import schema
from .commands import Commands, pairs
from .records import Attached, Records

if TYPE_CHECKING:  # loading it takes longer than most runs of the command line
    from ..trust.update import Update


class Account(msgspec.Struct, frozen=True):
    """Value of an ``account`` record; the element is the account id."""

    secret: str
    created: int  # ms


class _UpdateHead(msgspec.Struct, frozen=True):
    """Value of an ``update`` record; the element is ``<account>.<yyyymm>``. Crypto updates are kept beside it."""

    created: int  # ms, when the CMS made it
    month_key: bytes
    domain_token: str
    domains: list[str]
    applied: int  # ms, when it was loaded here


class HeldUpdate(NamedTuple):
    """A monthly update as it is held, without its crypto updates."""

    account: str
    month: str
    created: int
    month_key: bytes
    domain_token: str
    domains: list[str]
    applied: int
    uris: frozenset[str]  # the listed clients


ACCOUNT = "account"  # kinds of records
UPDATE = "update"


class AccountRecords:
    """Every method raises Unavailable unless Redis has confirmed it. Times are milliseconds."""

    def __init__(self, records: Records, low: Commands):
        self._records = records
        self._low = low

    # --- accounts ---------------------------------------------------------------------------------------------------

    def put(self, account: str, secret: str, created: int, now: int) -> int:
        """Create an account, or give it another secret."""
        return self._records.put(ACCOUNT, account, Account(secret, created), now)

    def delete(self, account: str, now: int) -> None:
        """Delete an account, then all its updates; may be repeated. In this order nobody who reads updates before
        accounts takes it for an account without updates."""
        self._records.delete(ACCOUNT, account, now)
        for owner, month in self.created():
            if owner == account:
                self.delete_update(account, month, now)

    def get(self, account: str) -> Account | None:
        """One account; None where there is none."""
        value = self._records.get(ACCOUNT, account)
        return None if value is None else msgspec.convert(value, Account)

    def all(self) -> dict[str, Account]:
        """By account id."""
        return {
            account: msgspec.convert(value, Account) for account, value in sorted(self._records.all(ACCOUNT).items())
        }

    # --- monthly updates --------------------------------------------------------------------------------------------

    def put_update(self, update: "Update", now: int) -> int:
        """Hold a monthly update in the place of any of the same account and month."""
        head = _UpdateHead(update.created, update.month_key, update.domain_token, list(update.domains), now)
        attached = Attached(schema.crypto_updates(update.account, update.month), update.clients)
        return self._records.put(UPDATE, _element(update.account, update.month), head, now, attached)

    def delete_update(self, account: str, month: str, now: int) -> int:
        """Delete a monthly update; returns the new version."""
        return self._records.delete(UPDATE, _element(account, month), now, schema.crypto_updates(account, month))

    def created(self) -> dict[tuple[str, str], int]:
        """When the CMS made each update held (ms), by account and month. Quick: clients are not read."""
        return {
            _account_and_month(element): msgspec.convert(value, _UpdateHead).created
            for element, value in sorted(self._records.all(UPDATE).items())
        }

    def heads(self) -> Iterator[HeldUpdate]:
        """As ``updates``, but quickly: the listed clients are not read."""
        for element, value in sorted(self._records.all(UPDATE).items()):
            yield _held(element, value, ())

    def updates(self) -> Iterator[HeldUpdate]:
        """Every update held, by account and month."""
        heads = sorted(self._records.all(UPDATE).items())
        uris = self._low.all([("HKEYS", schema.crypto_updates(*_account_and_month(element))) for element, _ in heads])
        for (element, value), listed in zip(heads, uris, strict=True):
            yield _held(element, value, listed)

    def update(self, account: str, month: str) -> HeldUpdate | None:
        """One update."""
        element = _element(account, month)
        value = self._records.get(UPDATE, element)
        if value is None:
            return None
        return _held(element, value, self._low.call("HKEYS", schema.crypto_updates(account, month)))

    def crypto_updates(self, account: str, month: str) -> dict[str, str]:
        """What the CMS left for each listed client, by URI."""
        flat = self._low.call("HGETALL", schema.crypto_updates(account, month))
        return {uri.decode(): text.decode() for uri, text in pairs(flat)}

    def crypto_update(self, client: Client, month: str) -> str | None:
        """What the CMS left for a client in a month's update."""
        text = self._low.call("HGET", schema.crypto_updates(client.account, month), client.uri)
        return None if text is None else text.decode()


def _element(account: str, month: str) -> str:
    return f"{account}.{month}"


def _account_and_month(element: str) -> tuple[str, str]:
    account, _, month = element.partition(".")
    return account, month


def _held(element: str, value: Any, listed: Iterable[bytes]) -> HeldUpdate:
    head = msgspec.convert(value, _UpdateHead)
    account, month = _account_and_month(element)
    return HeldUpdate(
        account,
        month,
        head.created,
        head.month_key,
        head.domain_token,
        head.domains,
        head.applied,
        frozenset(uri.decode() for uri in listed),
    )
