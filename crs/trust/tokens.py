"""Domain tokens and client tokens: the signing key of a security domain, and the keys of a client.

Content signed with a client's keys is in ``e2e``. Formats:
``doc/update-file.md``. A *domain token* is the domain's Ed25519 public key as JWK with the account id as ``kid``; what
makes it good is that it came by a trusted way (the update file, the credential). A *client token* is a JWS by that key.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from crs import names
from crs.errors import InvalidParams
from crs.trust import fields, jose, months
from crs.trust.jose import JoseRefused, PrivateKey, PublicKey
from crs.wire import vocabulary

TYPE = "crs-client"


class TokenRefused(InvalidParams):
    """A domain token or client token is not valid; the text says why."""


class _Header(jose.SignedHeader):
    typ: Literal["crs-client"]


class ClientToken(Struct, frozen=True):
    """What a client token says. Members that this release does not know are ignored."""

    sub: str  # uri@account
    month: vocabulary.Month
    exp: Annotated[int, Meta(ge=0)]  # seconds since 1970-01-01 UTC, as in a JWT (RFC 7519)
    sig: PublicKey  # Ed25519: verifies what the client signs
    enc: PublicKey  # X25519: encrypts for the client


def domain_token(key: PrivateKey, account: str) -> str:
    """The domain token of ``account``, whose tokens ``key`` signs."""
    return fields.write(key.public(account)).decode()


def domain_key(token: str, account: str) -> PublicKey:
    """The key in the domain token of ``account``. Raises TokenRefused, also for another account's token."""
    try:
        key = fields.read(token, PublicKey)
    except ValueError as error:
        raise TokenRefused(f"the domain token of {account} is none: {error}") from None
    if key.crv != "Ed25519":
        raise TokenRefused(f"the domain token of {account} holds a key of curve {key.crv}, not Ed25519")
    if key.kid != account:
        raise TokenRefused(f"the domain token is not that of {account}: its kid names another account, or none")
    return key


def issue(domain: PrivateKey, client: names.Client, month: str, sig: PublicKey, enc: PublicKey) -> str:
    """The client token of ``client`` for ``month``, good until the month's grace is over."""
    claims = ClientToken(str(client), month, (months.end(month) + months.GRACE) // 1000, sig, enc)
    return jose.sign({"typ": TYPE}, fields.write(claims), domain)


def read_token(token: str, domain: str, client: names.Client) -> ClientToken:
    """The claims of a client token, if the domain token ``domain`` of its account vouches for them and they are about
    ``client``; whether it has run out is not looked at. Raises TokenRefused."""
    try:
        jose.header(token, _Header)
        claims = fields.read(jose.verify(token, domain_key(domain, client.account)), ClientToken)
    except (JoseRefused, ValueError) as error:
        raise TokenRefused(f"the client token of {client} is not good: {error}") from None
    if claims.sub != str(client):
        raise TokenRefused(f"the client token is that of another client, not of {client}")
    if (claims.sig.crv, claims.enc.crv) != ("Ed25519", "X25519"):
        raise TokenRefused(f"the client token of {client} holds keys of the wrong curves")
    return claims


def check_time(token: ClientToken, now: int) -> None:
    """Raise TokenRefused if ``token`` has run out at ``now`` (milliseconds)."""
    if now >= token.exp * 1000:
        raise TokenRefused(f"the client token of {token.sub} for {token.month} has run out")


def verify(token: str, domain: str, client: names.Client, now: int) -> ClientToken:
    """As ``read_token``, and the token has not run out at ``now``. Raises TokenRefused."""
    claims = read_token(token, domain, client)
    check_time(claims, now)
    return claims
