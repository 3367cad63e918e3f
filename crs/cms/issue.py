"""What the CMS of one account hands out: monthly updates and client credentials.

No files and no clock here: ``now`` is milliseconds since 1970; ``random(n)`` gives n unpredictable bytes. A
client's keys of a month follow from the client's own 32 bytes by HKDF, so that a re-issue gives the same keys again.
"""

from collections.abc import Callable

from crs import names
from crs.cms.state import CmsFault, CmsState, MonthRecord
from crs.trust import credential, fields, identity, jose, months, tokens, update
from crs.trust.address import ServerAddress
from crs.trust.credential import Credential, MonthKeys

Random = Callable[[int], bytes]


def new(account: str, secret: str, random: Random) -> CmsState:
    """A fresh account; ``secret`` is the text agreed with the operator. Raises CmsFault."""
    if not secret or secret != secret.strip() or not secret.isprintable():
        raise CmsFault("the secret is empty, or has a space at an end; it is what 'crs-cli create account' printed")
    try:
        return CmsState(1, names.account(account), secret, jose.new_key("Ed25519", random(32)), {}, {}, {})
    except ValueError as error:
        raise CmsFault(str(error)) from None


def add_client(state: CmsState, text: str, random: Random) -> str:
    """Add a client; returns its URI in normal form. Raises CmsFault."""
    uri = _uri(text)
    if uri in state.clients:
        raise CmsFault(f"{uri} is a client of {state.account} already")
    state.clients[uri] = random(32)
    return uri


def remove_client(state: CmsState, text: str) -> str:
    """Forget a client and its keys; returns its URI. Its keys remain valid until their month ends; to lock
    it out at once, the operator blacklists it. Raises CmsFault."""
    uri = known(state, text)
    del state.clients[uri]
    return uri


def known(state: CmsState, text: str) -> str:
    """The URI, in normal form, of a client that exists. Raises CmsFault."""
    uri = _uri(text)
    if uri not in state.clients:
        raise CmsFault(f"{uri} is no client of {state.account}; add it with 'crs-cms add-client'")
    return uri


def connect(state: CmsState, account: str, token: str) -> None:
    """Connect to another account, whose domain token was received over a trusted channel. It must connect back. Raises
    CmsFault."""
    if account == state.account:
        raise CmsFault(f"{account} is this account; it needs no connection with itself")
    try:
        tokens.domain_key(token, names.account(account))
    except (ValueError, tokens.TokenRefused) as error:
        raise CmsFault(str(error)) from None
    state.domains[account] = token


def disconnect(state: CmsState, account: str) -> None:
    """Take a connection back. Raises CmsFault."""
    if state.domains.pop(account, None) is None:
        raise CmsFault(f"{state.account} is not connected to {fields.printable(account)}")


def write_update(state: CmsState, month: str, now: int, random: Random) -> update.Update:
    """The update of ``month``, newer than any written before for that month and with the same month key. Raises
    CmsFault."""
    held = open_month(state, month, now, random)
    held.created = max(now, held.created + 1)
    clients = {
        uri: credential.crypto_update(
            names.Client(uri, state.account),
            _update_key(state, uri),
            month,
            month_keys(state, uri, month, held.created),
        )
        for uri in sorted(state.clients)
    }
    return update.Update(state.account, month, held.created, held.key, own_token(state), sorted(state.domains), clients)


def write_credential(state: CmsState, text: str, servers: list[ServerAddress], now: int, random: Random) -> Credential:
    """The credential of a client, with the keys of this month and the next. Raises CmsFault."""
    uri = known(state, text)
    this = months.of(now)
    issued = {}
    for month in (this, months.after(this)):
        open_month(state, month, now, random)
        issued[month] = month_keys(state, uri, month, now)
    return Credential(1, uri, state.account, servers, _update_key(state, uri), issued)


def open_month(state: CmsState, month: str, now: int, random: Random) -> MonthRecord:
    """The record of ``month``, made if it is new; months that have run out are forgotten. Raises CmsFault."""
    try:
        names.month(month)
    except ValueError as error:
        raise CmsFault(str(error)) from None
    if months.expired(month, now):
        raise CmsFault(f"{month} is over; no CRS takes an update for it")
    state.months = {held: record for held, record in state.months.items() if not months.expired(held, now)}
    return state.months.setdefault(month, MonthRecord(random(32)))


def month_keys(state: CmsState, uri: str, month: str, created: int) -> MonthKeys:
    """A client's keys of a month whose record exists."""
    seed, month_key = state.clients[uri], state.months[month].key
    sign = jose.new_key("Ed25519", identity.hkdf(seed, f"sign {month}"))
    enc = jose.new_key("X25519", identity.hkdf(seed, f"enc {month}"))
    name = identity.client_identity(state.account, month, uri, month_key)
    token = tokens.issue(state.domain_key, names.Client(uri, state.account), month, sign.public(), enc.public())
    return MonthKeys(
        created,
        name,
        identity.psk(month_key, name),
        sign,
        enc,
        token,
        own_token(state),
        dict(sorted(state.domains.items())),
    )


def own_token(state: CmsState) -> str:
    """The domain token of this account, for its updates and for the CMS of other accounts."""
    return tokens.domain_token(state.domain_key, state.account)


def _update_key(state: CmsState, uri: str) -> bytes:
    return identity.hkdf(state.clients[uri], "crypto update")


def _uri(text: str) -> str:
    try:
        return names.uri(text)
    except ValueError as error:
        raise CmsFault(str(error)) from None
