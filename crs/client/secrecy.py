"""End-to-end sealing for one client: whose keys are whose, by the word of the security domains alone.

Lives here: looking people up, and the credential at work. Never here: ciphers and formats (``trust``), or what the
plaintexts mean. The CRS tells which token a client stored, but it is the domain's signature that is believed.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import UNSET

from crs.client.connection import Client
from crs.errors import NotFound
from crs.loop.clock import wall_clock
from crs.names import Client as Name
from crs.trust import credential as credentials
from crs.trust import e2e, months, tokens
from crs.trust.credential import Credential
from crs.wire.vocabulary import FoundObject, LookupObject

KEEP = 600_000  # ms that a token which was looked up is used without asking again


class Person(NamedTuple):
    """Somebody to seal for, and the keys that its domain vouches for."""

    name: Name
    token: tokens.ClientToken


class Opened(NamedTuple):
    """What a sealed body says: its content, the id it was sealed with, and when (ms, by the sender's clock)."""

    plaintext: bytes
    id: str
    time: int


class Secrecy:
    """Seals and opens as the owner of ``credential``, which a crypto update may change underneath."""

    def __init__(self, client: Client, credential: Credential, clock: Callable[[], int] = wall_clock):
        self._client = client
        self._credential = credential
        self._clock = clock
        self._known: dict[tuple[str, str | None], tuple[Person, int]] = {}

    def find(self, uri: str, account: str | None = None) -> Person:
        """The client that ``uri`` is for us, and its keys. Raises NotFound, TokenRefused, and what the server tells."""
        now = self._clock()
        person, until = self._known.get((uri, account), (None, 0))
        if now < until:
            return person
        found = self._client.call("object.lookup", LookupObject(uri, account or UNSET), FoundObject)
        name = Name(found.uri, found.account)
        if found.client_token is None:
            raise NotFound(f"{name} has never attached: it has no keys to encrypt for")
        domain = credentials.domain_token(self._credential, name.account, now)
        token = tokens.verify(found.client_token, domain, name, now)
        person = Person(name, token)
        self._known[uri, account] = (person, min(now + KEEP, token.exp * 1000))
        return person

    def seal(self, receiver: Person, kind: str, identity: str, plaintext: bytes) -> str:
        """A body that ``receiver`` alone can open. Raises SealRefused (too long), CredentialFault (no keys left)."""
        return e2e.seal(plaintext, self._credential, receiver.token, kind, identity, self._clock())

    def open(self, sender: Name, kind: str, body: str, identity: str | None = None) -> Opened:
        """What ``sender`` sealed for us as ``kind``, under ``identity`` where that is known. Raises SealRefused."""
        plaintext, claims = e2e.open_sealed(body, self._credential, sender, kind, identity, self._clock())
        return Opened(plaintext, claims.id, claims.time)

    def keys(self, now: int) -> list[tuple[str, bytes]]:
        """What to attach with: (PSK identity, key) of every usable month, the best first. Raises CredentialFault."""
        held = self._credential.months
        best = credentials.current_month(self._credential, now)
        others = [month for month in sorted(held, reverse=True) if month != best and months.usable(month, now)]
        return [(held[month].identity, held[month].key) for month in (best, *others)]
