"""What a worker knows of the security domains, held in memory: keys, listed clients, connected domains, rules.

Filled from the operator's records by ``loading``. The PSK callback calls ``find_key``: it never blocks, locks or logs.
"""

from collections.abc import Callable, Iterable

from .. import names
from ..errors import DomainNotConnected, InvalidParams, NotFound
from ..names import Client
from ..trust import identity as psk_identity
from ..trust import months
from .rules import NO_RULES, Rules

_NO_KEY = bytes(32)


class Month:
    """One account's update for one month as a worker keeps it: without the clients' crypto updates."""

    __slots__ = ("applied", "created", "domain_token", "domains", "key", "uris")

    def __init__(
        self,
        created: int,
        key: bytes,
        domain_token: str,
        domains: Iterable[str],
        uris: Iterable[str],
        applied: int = 0,
    ):
        self.created = created
        self.applied = applied
        self.key = key
        self.domain_token = domain_token
        self.domains = tuple(domains)
        self.uris = frozenset(uris)


class Accounts:
    """All accounts of this host. ``version`` is the operator records' version that this view was made from."""

    def __init__(self, grace_days: int, clock: Callable[[], int]):
        self._grace = grace_days * months.DAY
        self._clock = clock
        self.version = -1
        self.months: dict[str, dict[str, Month]] = {}
        self.rules = NO_RULES
        # What depends on the date alone, kept while it holds: asked for several times in every request.
        self._holds = (0, 0)  # ms: from, until
        self._current = ""
        self._good: frozenset[str] = frozenset()
        self._lists: dict[str, list[Month]] = {}  # account -> its valid months, the ruling one first

    def load(self, version: int, loaded: dict[str, dict[str, Month]], rules: Rules = NO_RULES) -> None:
        """Replace the whole view at once. ``loaded``: account -> month -> Month; an account may have none."""
        self.months = loaded
        self.rules = rules
        self.version = version
        self._lists = {}

    # --- keys -------------------------------------------------------------------------------------------------------

    def find_key(self, identity: bytes) -> bytes | None:
        """The PSK for a client's or an admin's identity, None when it is unknown or its month is not valid now."""
        try:
            text = identity.decode("ascii")
        except UnicodeDecodeError:
            return None
        admin = self.admin_of(text)
        if admin is not None:
            return psk_identity.admin_key(self.rules.admins[admin].secret)
        month = self._month(psk_identity.parse_identity(text))
        key = psk_identity.psk(month.key if month else _NO_KEY, text)  # the same work for both: nobody learns by time
        return key if month else None

    def client_of(self, identity: str) -> tuple[Client, str] | None:
        """The client and month behind an identity that passed the handshake, None when it is no longer good."""
        parsed = psk_identity.parse_identity(identity)
        month = self._month(parsed)
        if parsed is None or month is None:
            return None
        uri = psk_identity.open_uri(month.key, parsed)
        return None if uri is None else (Client(uri, parsed.account), parsed.month)

    def admin_of(self, identity: str) -> str | None:
        """The name of the admin behind an identity, None where there is no such admin."""
        name = psk_identity.parse_admin(identity)
        return name if name in self.rules.admins else None

    def _month(self, parsed: psk_identity.ParsedIdentity | None) -> Month | None:
        if parsed is None or parsed.kind != "c" or not self.is_valid(parsed.month):
            return None
        return self.months.get(parsed.account, {}).get(parsed.month)

    def is_valid(self, month: str) -> bool:
        """Whether keys of ``month`` are good now."""
        self._look_at_the_date()
        return month in self._good

    def _look_at_the_date(self) -> None:
        now = self._clock()
        if self._holds[0] <= now < self._holds[1]:
            return
        self._current = current = months.of(now)
        before = months.before(current)
        self._good = frozenset(
            month for month in (before, current, months.after(current)) if months.usable(month, now, self._grace)
        )
        ends = (months.end(current), months.end(before) + self._grace)
        self._holds = (now, min(end for end in ends if end > now))
        self._lists = {}

    # --- domains ----------------------------------------------------------------------------------------------------

    def _live(self, account: str) -> list[Month]:
        """The valid months of an account, the current one first, then the older, then the next."""
        self._look_at_the_date()
        live = self._lists.get(account)
        if live is None:
            loaded, current = self.months.get(account, {}), self._current
            found = sorted(self._good.intersection(loaded), key=lambda month: (month != current, month > current))
            live = self._lists[account] = [loaded[month] for month in found]
        return live

    def newest(self, account: str) -> Month | None:
        """The update that rules an account now: the current month's, else the one in its grace, else the next."""
        return next(iter(self._live(account)), None)

    def is_listed(self, client: Client) -> bool:
        return any(client.uri in month.uris for month in self._live(client.account))

    def connected(self, account: str) -> list[str]:
        """The domains that ``account`` connects and that connect it back, in the order of its update."""
        own = self.newest(account)
        return [other for other in (own.domains if own else ()) if self._connects(other, account)]

    def _connects(self, account: str, other: str) -> bool:
        month = self.newest(account)
        return month is not None and other in month.domains

    def resolve(
        self, asking: Client, to: str, account: str | None, is_observed: Callable[[list[Client]], list[bool]]
    ) -> Client:
        """The client that ``asking`` means by ``to``: the one place where connected domains are enforced.

        Own account first, then the connected domains in their order (design: names, slots, homes).
        ``is_observed(clients) -> list[bool]`` tells which unlisted clients were seen here.
        Raises InvalidParams, DomainNotConnected, NotFound.
        """
        try:
            uri = names.uri(to)
        except ValueError as error:
            raise InvalidParams(str(error)) from None
        domains = self._reached(asking, account)
        candidates = [Client(uri, domain) for domain in domains]
        for candidate in candidates:
            if self.is_listed(candidate):
                return candidate
        for candidate, seen in zip(candidates, is_observed(candidates), strict=True):
            if seen and candidate.account in self.months:
                return candidate
        raise NotFound(f"no client {uri} in domain {' or '.join(domains)}", uri=uri)

    def rooms(self, asking: Client, number: str, account: str | None) -> list[Client]:
        """The owners of the conference rooms of this number that ``asking`` may join, in the order of ``resolve``.

        Raises DomainNotConnected.
        """
        found = (self.rules.rooms.get((number, domain)) for domain in self._reached(asking, account))
        return [owner for owner in found if owner is not None and owner.account in self.months]

    def may_join(self, client: Client, number: str, account: str) -> bool:
        """Whether a client may be in a conference room (now, having joined it before)."""
        try:
            return client not in self.rules.blocked and bool(self.rooms(client, number, account))
        except DomainNotConnected:
            return False

    def _reached(self, asking: Client, account: str | None) -> list[str]:
        """The domains that ``asking`` reaches, its own first; only ``account`` where that is given, and reached."""
        domains = [asking.account, *self.connected(asking.account)]
        if account is None:
            return domains
        if account not in domains:
            raise DomainNotConnected(f"domain {account} and domain {asking.account} are not connected")
        return [account]
