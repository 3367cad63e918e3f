"""A client's credential: the file with which a client attaches, signs, opens what was sealed for it, and knows others.

The file, the keys of a month in it, and the crypto update that brings those of the next month. ``cms`` issues
credentials. Format, with a worked example: ``doc/update-file.md``.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from crs import names
from crs.errors import OperatorFault
from crs.home import files
from crs.trust import fields, identity, jose, months, tokens
from crs.trust.address import ServerAddress
from crs.trust.jose import Curve, PrivateKey
from crs.wire import vocabulary

TYPE = "crs-crypto-update"
MAX_FILE = 4 * 1024 * 1024  # bytes
MONTHS_KEPT = 6  # a message may wait 90 days: its receiver needs the keys of the month it was sealed in


class CredentialFault(OperatorFault):
    """A credential or crypto update that cannot be used; the text names the field. Nothing was changed."""


class MonthKeys(Struct, forbid_unknown_fields=True, frozen=True):
    """The keys and tokens of a client for one month."""

    created: Annotated[int, Meta(ge=0)]  # when the CMS wrote this, ms since 1970; an older one never replaces it
    identity: str  # TLS-PSK identity
    key: fields.Key  # TLS-PSK key
    sign: PrivateKey  # Ed25519
    enc: PrivateKey  # X25519
    token: str  # the client token: the public halves, signed by the domain
    domain_token: str  # of the own account
    domains: dict[vocabulary.Account, str]  # connected account -> its domain token

    def __repr__(self) -> str:
        return f"<keys of {self.identity}>"


class Credential(Struct, forbid_unknown_fields=True):
    """Everything a client holds. Only ``months`` changes, by ``apply_crypto_update``."""

    version: Literal[1]
    uri: str
    account: vocabulary.Account
    servers: Annotated[list[ServerAddress], Meta(min_length=1)]
    update_key: fields.Key  # opens this client's crypto updates
    months: dict[vocabulary.Month, MonthKeys]

    @property
    def client(self) -> names.Client:
        return names.Client(self.uri, self.account)

    def __repr__(self) -> str:
        return f"<credential of {self.client} for {', '.join(sorted(self.months))}>"


class _CryptoUpdate(Struct, forbid_unknown_fields=True):
    uri: str
    account: vocabulary.Account
    month: vocabulary.Month
    keys: MonthKeys


class _Header(jose.SharedHeader):
    typ: Literal["crs-crypto-update"]


def load(path: str | Path) -> Credential:
    """Read and check a credential file. Raises CredentialFault, OperatorFault."""
    try:
        return decode(files.read(Path(path), MAX_FILE))
    except CredentialFault as fault:
        raise CredentialFault(f"{path}: {fault}") from None


def save(path: str | Path, credential: Credential) -> None:
    """Write a credential file: 0600, whole or not at all. Raises OperatorFault."""
    files.write(Path(path), fields.write(credential) + b"\n")


def decode(data: bytes) -> Credential:
    """A credential from JSON, every field checked. Raises CredentialFault."""
    try:
        credential = fields.read(data, Credential)
        fields.check_uri(credential.uri)
    except ValueError as error:
        raise CredentialFault(f"the credential is wrong: {error}") from None
    for month, keys in credential.months.items():
        _check_keys(credential.client, month, keys)
    return credential


def for_month(credential: Credential, month: str) -> MonthKeys:
    """The keys of ``month``. Raises CredentialFault."""
    try:
        return credential.months[month]
    except KeyError:
        raise CredentialFault(f"the credential of {credential.client} holds no keys for {month}") from None


def current_month(credential: Credential, now: int) -> str:
    """The month whose keys to use now: this month's, else those of the previous in its grace, else the next month's.
    Raises CredentialFault when there are none: the client missed its crypto updates."""
    this = months.of(now)
    for month in (this, months.before(this), months.after(this)):
        if month in credential.months and months.usable(month, now):
            return month
    raise CredentialFault(f"the credential of {credential.client} holds no keys for {this}; get a new one from the CMS")


def domain_token(credential: Credential, account: str, now: int) -> str:
    """The domain token of ``account`` as the own CMS gave it last. Raises tokens.TokenRefused when ``account``
    is neither the own nor a connected one."""
    keys = for_month(credential, current_month(credential, now))
    token = keys.domain_token if account == credential.account else keys.domains.get(account)
    if token is None:
        raise tokens.TokenRefused(f"account {fields.printable(account)} is not connected with {credential.account}")
    return token


def crypto_update(client: names.Client, update_key: bytes, month: str, keys: MonthKeys) -> str:
    """The month's keys as the CMS sends them through the CRS, for this client's ``update_key`` alone."""
    content = _CryptoUpdate(client.uri, client.account, month, keys)
    return jose.encrypt({"typ": TYPE}, fields.write(content), update_key)


def apply_crypto_update(credential: Credential, text: str) -> str:
    """Put the keys of a crypto update into ``credential`` (and drop the oldest month when there are more than
    MONTHS_KEPT); returns the month. Keys that were created later are kept. Raises CredentialFault."""
    try:
        jose.header(text, _Header)
        update = fields.read(jose.decrypt(text, credential.update_key), _CryptoUpdate)
    except (jose.JoseRefused, ValueError) as error:
        raise CredentialFault(f"the crypto update is not good: {error}") from None
    if names.Client(update.uri, update.account) != credential.client:
        raise CredentialFault(f"the crypto update is for another client, not for {credential.client}")
    _check_keys(credential.client, update.month, update.keys)
    held = credential.months.get(update.month)
    if held is None or held.created <= update.keys.created:
        months_ = {**credential.months, update.month: update.keys}
        credential.months = {month: months_[month] for month in sorted(months_)[-MONTHS_KEPT:]}
    return update.month


def _check_keys(client: names.Client, month: str, keys: MonthKeys) -> None:
    """Raise CredentialFault unless all parts of a month's keys belong to ``client``, ``month`` and each other."""
    parsed = identity.parse_identity(keys.identity)
    if parsed is None or (parsed.account, parsed.month) != (client.account, month):
        raise CredentialFault(f"the identity for {month} is not one of account {client.account} and that month")
    pairs: tuple[tuple[str, PrivateKey, Curve], ...] = (("sign", keys.sign, "Ed25519"), ("enc", keys.enc, "X25519"))
    for name, key, curve in pairs:
        if not jose.is_pair(key, curve):
            raise CredentialFault(f"{name} for {month} is not an {curve} key pair: d and x do not belong together")
    try:
        token = tokens.read_token(keys.token, keys.domain_token, client)
        for account, domain in keys.domains.items():
            tokens.domain_key(domain, account)
    except tokens.TokenRefused as error:
        raise CredentialFault(f"the tokens for {month} are not good: {error}") from None
    if (token.month, token.sig, token.enc) != (month, keys.sign.public(), keys.enc.public()):
        raise CredentialFault(f"the client token for {month} is for another month or other keys")
