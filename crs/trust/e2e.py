"""End-to-end: content signed by one client and sealed for another. The CRS can neither read nor change it.

What is signed, what is sealed, and what a receiver checks. Sign, then encrypt: a JWS (RFC 7515) by the sender's month
key inside a JWE (RFC 7516) for the receiver's. The signed claims name both ends, the purpose and the id, so a body
cannot be forwarded, reflected or used for another purpose.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from crs import names
from crs.errors import CrsError
from crs.trust import fields, jose, months, tokens
from crs.trust.credential import Credential, CredentialFault, current_month, domain_token, for_month
from crs.trust.tokens import ClientToken
from crs.wire import vocabulary

SEALED = "crs-sealed"
SIGNED = "crs-signed"
MAX_PLAINTEXT = 24_576  # bytes: sealed, they fit in a body of vocabulary.MAX_BODY characters
MAX_AGE = 91 * months.DAY  # the longest that a message may wait, and a day for clocks that differ
SKEW = months.DAY  # how far the sender's clock may be ahead


class SealRefused(CrsError):
    """A sealed body is not authentic or not for this use; the text says why."""


class KeyMissing(SealRefused):
    """The credential lacks the month or the domain that this body needs; a crypto update may bring it."""


class Claims(Struct, rename={"sender": "from"}, frozen=True):
    """What the sender signed. Members that this release does not know are ignored."""

    sender: str  # uri@account
    to: str  # uri@account
    kind: Annotated[str, Meta(min_length=1, max_length=32)]  # the purpose: content, system, offer, answer, ...
    id: Annotated[str, Meta(max_length=80)]  # of the message, call or change it belongs to
    time: vocabulary.Time  # when it was signed, by the sender's clock
    body: str  # the content in base64url


class _SealedHeader(jose.SealedHeader):
    typ: Literal["crs-sealed"]
    kid: vocabulary.Month  # the month of the receiver's key that opens it


class _SignedHeader(jose.SignedHeader):
    typ: Literal["crs-signed"]
    token: str  # the sender's client token: names the key that verifies, and is signed itself


def seal(plaintext: bytes, sender: Credential, receiver: ClientToken, kind: str, id: str, now: int) -> str:
    """Sign ``plaintext`` (at most MAX_PLAINTEXT bytes) as ``sender`` and encrypt it for ``receiver``, whose token the
    caller has verified. ``kind`` and ``id`` are what the receiver will expect. Raises SealRefused, CredentialFault.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise SealRefused(f"{len(plaintext)} bytes are too much to seal; the limit is {MAX_PLAINTEXT}")
    keys = for_month(sender, current_month(sender, now))
    claims = Claims(str(sender.client), receiver.sub, kind, id, now, fields.b64(plaintext))
    signed = jose.sign({"typ": SIGNED, "token": keys.token}, fields.write(claims), keys.sign)
    try:
        return jose.encrypt_for({"typ": SEALED, "kid": receiver.month}, signed.encode(), receiver.enc)
    except jose.JoseRefused as error:
        raise SealRefused(f"not sealed for {receiver.sub}: {error}") from None


def open_sealed(
    text: str, receiver: Credential, sender: names.Client, kind: str, id: str | None, now: int, max_age: int = MAX_AGE
) -> tuple[bytes, Claims]:
    """The content that ``sender`` sealed for ``receiver`` as ``kind`` under ``id`` (None: any; look at the claims),
    signed at most ``max_age`` milliseconds ago. Raises SealRefused."""
    try:
        claims = _verified(text, receiver, sender, now)
        content = fields.unb64(claims.body)
    except CredentialFault as error:
        raise KeyMissing(f"the body from {sender} cannot be opened: {error}") from None
    except (jose.JoseRefused, tokens.TokenRefused, ValueError) as error:
        raise SealRefused(f"the body from {sender} is refused: {error}") from None
    if claims.sender != str(sender) or claims.to != str(receiver.client):
        raise SealRefused(f"the body from {sender} is refused: it was signed for another pair of clients")
    if claims.kind != kind or id is not None and claims.id != id:
        raise SealRefused(f"the body from {sender} is refused: it was signed for another purpose or id")
    if not now - max_age <= claims.time <= now + SKEW:
        raise SealRefused(f"the body from {sender} is refused: it was signed too long ago, or in the future")
    return content, claims


def _verified(text: str, receiver: Credential, sender: names.Client, now: int) -> Claims:
    """The claims, if the sender's domain vouches for the key that signed them, at the time they were signed."""
    month = jose.header(text, _SealedHeader).kid
    signed = jose.decrypt_with(text, for_month(receiver, month).enc).decode("ascii")
    header = jose.header(signed, _SignedHeader)
    token = tokens.read_token(header.token, domain_token(receiver, sender.account, now), sender)
    claims = fields.read(jose.verify(signed, token.sig), Claims)
    tokens.check_time(token, claims.time)
    return claims
