"""End-to-end sealing for one client: it looks up the keys of others, and uses those of its own credential.

Ciphers and formats are in ``trust``. The CRS hands out the token that a client stored; the signature of the client's
security domain is what makes it authentic.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import UNSET

from crs.client.connection import ClientConnection
from crs.errors import NotFound
from crs.loop.clock import wall_clock
from crs.names import Client
from crs.trust import credential as credentials
from crs.trust import e2e, months, tokens
from crs.trust.credential import Credential
from crs.wire.vocabulary import FoundObject, LookupObject

KEEP = 600_000  # ms that a token is used before it is looked up again


class Person(NamedTuple):
    """A client to seal for, with its keys as signed by its security domain."""

    name: Client
    token: tokens.ClientToken


class Opened(NamedTuple):
    """The content of a sealed body, the id it was sealed with, and when (ms, by the sender's clock)."""

    plaintext: bytes
    id: str
    time: int


class Secrecy:
    """Seals and opens as the owner of ``credential``, which a crypto update may change meanwhile."""

    def __init__(self, client: ClientConnection, credential: Credential, clock: Callable[[], int] = wall_clock):
        self._client = client
        self._credential = credential
        self._clock = clock
        self._known: dict[tuple[str, str | None], tuple[Person, int]] = {}

    def find(self, uri: str, account: str | None = None) -> Person:
        """The client that ``uri`` names, and its keys. Raises NotFound, TokenRefused, and what the server answers."""
        now = self._clock()
        known = self._known.get((uri, account))
        if known is not None and now < known[1]:
            return known[0]
        found = self._client.call("object.lookup", LookupObject(uri, account or UNSET), FoundObject)
        name = Client(found.uri, found.account)
        if found.client_token is None:
            raise NotFound(f"{name} has never attached: it has no keys to encrypt for")
        domain = credentials.domain_token(self._credential, name.account, now)
        token = tokens.verify(found.client_token, domain, name, now)
        person = Person(name, token)
        self._known[uri, account] = (person, min(now + KEEP, token.exp * 1000))
        return person

    def seal(self, receiver: Person, kind: str, identity: str, plaintext: bytes) -> str:
        """A body that only ``receiver`` can open. Raises SealRefused (too long), CredentialFault (no keys left)."""
        return e2e.seal(plaintext, self._credential, receiver.token, kind, identity, self._clock())

    def open(self, sender: Client, kind: str, body: str, identity: str | None = None) -> Opened:
        """What ``sender`` sealed for us as ``kind``, under ``identity`` where that is known. Raises SealRefused."""
        plaintext, claims = e2e.open_sealed(body, self._credential, sender, kind, identity, self._clock())
        return Opened(plaintext, claims.id, claims.time)

    def keys(self, now: int) -> list[tuple[str, bytes]]:
        """What to attach with: (PSK identity, key) of every usable month, the best first. Raises CredentialFault."""
        held = self._credential.months
        best = credentials.current_month(self._credential, now)
        others = [month for month in sorted(held, reverse=True) if month != best and months.usable(month, now)]
        return [(held[month].identity, held[month].key) for month in (best, *others)]
