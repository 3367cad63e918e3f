"""Domains and clients for tests, made without a CMS. Keys are fixed: their seeds come from the names."""

from hashlib import sha256

from crs.names import Client
from crs.trust import credential, identity, jose, months, tokens
from crs.trust.address import ServerAddress
from crs.trust.credential import Credential, MonthKeys

MONTH = "202611"
NOW = months.start(MONTH) + 14 * months.DAY


def seed(*of: object) -> bytes:
    return sha256(repr(of).encode()).digest()


class Domain:
    """One account with its domain key; ``credential`` issues keys for months."""

    def __init__(self, account: str):
        self.account = account
        self.key = jose.new_key("Ed25519", seed(account, "domain"))
        self.token = tokens.domain_token(self.key, account)

    def keys(self, uri: str, month: str = MONTH, created: int = NOW, connected: tuple["Domain", ...] = ()) -> MonthKeys:
        month_key = seed(self.account, month)
        name = identity.client_identity(self.account, month, uri, month_key)
        sign = jose.new_key("Ed25519", seed(uri, self.account, month, "sign"))
        enc = jose.new_key("X25519", seed(uri, self.account, month, "enc"))
        token = tokens.issue(self.key, Client(uri, self.account), month, sign.public(), enc.public())
        return MonthKeys(
            created,
            name,
            identity.psk(month_key, name),
            sign,
            enc,
            token,
            self.token,
            {other.account: other.token for other in connected},
        )

    def credential(self, uri: str, *months_: str, connected: tuple["Domain", ...] = ()) -> Credential:
        return Credential(
            1,
            uri,
            self.account,
            [ServerAddress("127.0.0.1", 5223)],
            seed(uri, self.account, "update"),
            {month: self.keys(uri, month, connected=connected) for month in months_ or (MONTH,)},
        )


def token_of(holder: Credential, month: str = MONTH) -> tokens.ClientToken:
    """The verified token of ``holder``."""
    keys = credential.for_month(holder, month)
    return tokens.read_token(keys.token, keys.domain_token, holder.client)
