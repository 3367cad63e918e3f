"""Crypto updates: what a monthly update holds for each listed client, and which of them a client has confirmed."""

from collections.abc import Callable

from ..names import Client
from ..store.accounts import AccountRecords
from ..store.objects import Objects
from ..trust import months
from .accounts import Accounts


class CryptoUpdates:
    """``clock()`` gives ms."""

    def __init__(self, accounts: Accounts, records: AccountRecords, objects: Objects, clock: Callable[[], int]):
        self._accounts = accounts
        self._records = records
        self._objects = objects
        self._clock = clock

    def held_for(self, client: Client) -> list[tuple[str, bool]]:
        """Those of the current and the next month as (month, confirmed). What was confirmed before a re-issue was
        applied is offered again."""
        current = months.of(self._clock())
        loaded = self._accounts.months.get(client.account, {})
        held = [
            month for month in (current, months.after(current)) if month in loaded and client.uri in loaded[month].uris
        ]
        confirmed = self._objects.confirmed(client) if held else {}
        return [(month, confirmed.get(month, -1) >= loaded[month].applied) for month in held]

    def body(self, client: Client, month: str) -> str | None:
        """What the CMS left for a client in a month; None where there is nothing."""
        return self._records.crypto_update(client, month)

    def confirm(self, client: Client, month: str, now: int) -> bool:
        """The client has taken it; False where none of this month is held for the client."""
        if month not in [held for held, _ in self.held_for(client)]:
            return False
        self._objects.confirm(client, month, now)
        return True
