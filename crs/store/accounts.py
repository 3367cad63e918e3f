"""The operator's records: accounts and their monthly updates, one last-writer-wins record for each element.

A record's time stamp is a hybrid logical clock in one number: milliseconds, but always later than any stamp before it.
What is deleted stays behind as a tombstone, so that an older copy elsewhere cannot bring it back. Never here: what an
update may contain (``trust.update``), and files (``cli``).
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ..names import Client
from . import schema, wakeups
from .commands import Commands, pairs
from .ordering import ordered


class Record(msgspec.Struct, frozen=True):
    """What is stored for an element."""

    v: Any  # the value; null in a tombstone
    t: int  # time stamp, ms
    h: str  # host that wrote it
    d: bool  # deleted: a tombstone


class Account(msgspec.Struct, frozen=True):
    """Value of an ``account`` record; the element is the account id."""

    secret: str
    created: int  # ms


class _Head(msgspec.Struct, frozen=True):
    """Value of an ``update`` record; the element is ``<account>.<yyyymm>``. Crypto updates are kept beside it."""

    created: int  # ms, when the CMS made it
    month_key: bytes
    domain_token: str
    domains: list[str]
    applied: int  # ms, when it was loaded here


class Held(NamedTuple):
    """A monthly update as it is held, without its crypto updates."""

    account: str
    month: str
    created: int
    month_key: bytes
    domain_token: str
    domains: list[str]
    applied: int
    uris: frozenset[str]  # the listed clients


_record = msgspec.json.Decoder(Record).decode


class AccountRecords:
    """Every method raises Unavailable where Redis did not do it for certain. Kinds: ``account``, ``update``."""

    def __init__(self, low: Commands, high: Commands, host: str):
        self._low = low
        self._high = high
        self._host = host

    def version(self) -> int:
        """Grows with every change: workers compare it with what they hold."""
        return int(self._low.call("HGET", schema.clock(), "version") or 0)

    def put(self, kind: str, element: str, value: Any, now: int, crypto: dict[str, str] | None = None) -> int:
        """Write a record (any JSON value) and hint the workers; returns the new version."""
        return self._write(kind, element, value, now, False, crypto or {})

    def delete(self, kind: str, element: str, now: int) -> int:
        """Leave a tombstone in the place of a record; returns the new version."""
        return self._write(kind, element, None, now, True, {})

    def get(self, kind: str, element: str) -> Any:
        """The value of a record; None when there is none."""
        text = self._low.call("HGET", schema.records(kind), element)
        return None if text is None else _record(text).v

    def all(self, kind: str) -> dict[str, Any]:
        """Element and value of every record that is not deleted."""
        flat = self._low.call("HGETALL", schema.records(kind))
        records = ((element.decode(), _record(text)) for element, text in pairs(flat))
        return {element: record.v for element, record in records if not record.d}

    def walk(self, kind: str) -> Iterator[tuple[str, Any]]:
        """As ``all``, in the order of the elements, and however many there are in the same memory."""
        elements = ordered(self._low.fields(schema.records(kind)))
        for element, text in self._low.of_each(elements, lambda element: ("HGET", schema.records(kind), element)):
            record = text and _record(text)
            if record and not record.d:
                yield element.decode(), record.v

    def _write(self, kind: str, element: str, value: Any, now: int, deleted: bool, crypto: dict[str, str]) -> int:
        account, _, month = element.partition(".")
        version = self._low.script(
            "record",
            (schema.records(kind), schema.clock(), schema.crypto_updates(account, month)),
            (
                element,
                msgspec.json.encode(value),
                self._host,
                now,
                int(deleted),
                *(part for pair in crypto.items() for part in pair),
            ),
        )
        self._high.tell(*wakeups.to_all(wakeups.RecordsChanged()))
        return version

    # --- accounts ---------------------------------------------------------------------------------------------------

    def put_account(self, account: str, secret: str, created: int, now: int) -> int:
        """Create an account, or give it another secret."""
        return self.put("account", account, Account(secret, created), now)

    def delete_account(self, account: str, now: int) -> None:
        """Delete an account, then all its updates; may be repeated. In this order nobody who reads updates before
        accounts takes it for an account without updates."""
        self.delete("account", account, now)
        for owner, month in self.created():
            if owner == account:
                self.delete_update(account, month, now)

    def account(self, account: str) -> Account | None:
        value = self.get("account", account)
        return None if value is None else msgspec.convert(value, Account)

    def accounts(self) -> dict[str, Account]:
        """By account id."""
        return {account: msgspec.convert(value, Account) for account, value in sorted(self.all("account").items())}

    # --- monthly updates --------------------------------------------------------------------------------------------

    def put_update(self, update, now: int) -> int:
        """Hold a monthly update (``trust.update.Update``) in the place of any of the same account and month."""
        head = _Head(update.created, update.month_key, update.domain_token, list(update.domains), now)
        return self.put("update", _element(update.account, update.month), head, now, update.clients)

    def delete_update(self, account: str, month: str, now: int) -> int:
        """Delete a monthly update; returns the new version."""
        return self.delete("update", _element(account, month), now)

    def created(self) -> dict[tuple[str, str], int]:
        """When the CMS made each update held (ms), by account and month. Quick: clients are not read."""
        return {
            tuple(element.split(".")): msgspec.convert(value, _Head).created
            for element, value in sorted(self.all("update").items())
        }

    def heads(self) -> Iterator[Held]:
        """As ``updates``, but quickly: the listed clients are not read."""
        for element, value in sorted(self.all("update").items()):
            yield _held(element, value, ())

    def updates(self) -> Iterator[Held]:
        """Every update held, by account and month."""
        heads = sorted(self.all("update").items())
        uris = self._low.all([("HKEYS", schema.crypto_updates(*element.split("."))) for element, _ in heads])
        for (element, value), listed in zip(heads, uris, strict=True):
            yield _held(element, value, listed)

    def update(self, account: str, month: str) -> Held | None:
        """One update."""
        element = _element(account, month)
        value = self.get("update", element)
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


def _held(element: str, value: Any, listed: Iterable[bytes]) -> Held:
    head = msgspec.convert(value, _Head)
    return Held(
        *element.split("."),
        head.created,
        head.month_key,
        head.domain_token,
        head.domains,
        head.applied,
        frozenset(uri.decode() for uri in listed),
    )
