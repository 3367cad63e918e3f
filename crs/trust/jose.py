"""The JOSE constructions in use, each with one fixed set of algorithms. The only file that touches joserfc.

There are three: content encrypted under a shared key (JWE ``dir``
with ``A256GCM``, RFC 7516), content encrypted for an X25519 key (JWE ``ECDH-ES+A256KW`` with ``A256GCM``, RFC 8037),
and content signed with an Ed25519 key (JWS ``Ed25519``, RFC 9864). Compact serialisation only. Readers
parse the header as a strict struct first, so the library only sees the algorithms and members that are named here.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey
from msgspec import Meta, Struct, to_builtins

from crs.errors import CrsError
from crs.trust.fields import b64, read, unb64

Curve = Literal["Ed25519", "X25519"]

_SHARED = {"alg": "dir", "enc": "A256GCM"}
_SEALED = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}
_SIGNED = {"alg": "Ed25519"}

_Part = Annotated[
    str, Meta(max_length=43, pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", description="32 bytes in base64url")
]


class JoseRefused(CrsError):
    """Malformed, made with another key, or changed on the way."""


class PublicKey(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """An Ed25519 (signatures) or X25519 (encryption) public key as JWK (RFC 8037)."""

    crv: Curve
    kty: Literal["OKP"]
    x: _Part
    kid: str | None = None  # the account id, in a domain token; absent elsewhere


class PrivateKey(Struct, forbid_unknown_fields=True, frozen=True):
    """A key pair as JWK; ``x`` must belong to ``d``."""

    crv: Curve
    kty: Literal["OKP"]
    x: _Part
    d: _Part

    def __repr__(self) -> str:
        return f"<private {self.crv} key {self.x}>"

    def public(self, kid: str | None = None) -> PublicKey:
        return PublicKey(self.crv, self.kty, self.x, kid)


class SharedHeader(Struct, forbid_unknown_fields=True):
    """The header members of ``encrypt``; each format adds its own."""

    alg: Literal["dir"]
    enc: Literal["A256GCM"]


class SealedHeader(Struct, forbid_unknown_fields=True):
    """The header members of ``encrypt_for``; each format adds its own."""

    alg: Literal["ECDH-ES+A256KW"]
    enc: Literal["A256GCM"]
    epk: PublicKey


class SignedHeader(Struct, forbid_unknown_fields=True):
    """The header members of ``sign``; each format adds its own."""

    alg: Literal["Ed25519"]


Header = TypeVar("Header", bound=Struct)


class _Encryption(jwe.JWERegistry):
    """The library's registry with room for a whole update file; the callers bound what they read."""

    max_ciphertext_length = 1 << 30


class _Signing(jws.JWSRegistry):
    """The library's registry with room for a client token in the header."""

    max_header_length = 4096
    max_payload_length = 1 << 20


# The callers' structs check the headers: they know the members of our own, which the library does not.
_SHARED_RULES = _Encryption(algorithms=list(_SHARED.values()), strict_check_header=False)
_SEALED_RULES = _Encryption(algorithms=list(_SEALED.values()), strict_check_header=False)
_SIGNED_RULES = _Signing(algorithms=list(_SIGNED.values()), strict_check_header=False)
_FAILURES = (JoseError, InvalidTag, InvalidUnwrap, ValueError)


def new_key(crv: Curve, seed: bytes) -> PrivateKey:
    """A key pair from 32 random bytes (RFC 8032, RFC 7748: the private key is any 32 bytes)."""
    make = Ed25519PrivateKey.from_private_bytes if crv == "Ed25519" else X25519PrivateKey.from_private_bytes
    return PrivateKey(crv, "OKP", b64(make(seed).public_key().public_bytes_raw()), b64(seed))


def is_pair(key: PrivateKey, crv: Curve) -> bool:
    """Whether ``key`` is of curve ``crv`` and its public half belongs to its private half."""
    try:
        return key == new_key(crv, unb64(key.d))
    except ValueError:
        return False


def header(text: str | bytes, kind: type[Header]) -> Header:
    """The protected header of a compact serialisation as a struct of type ``kind``; checks the form of all parts.
    Nothing is authenticated yet. Raises JoseRefused."""
    parts = 3 if issubclass(kind, SignedHeader) else 5
    if isinstance(text, str):
        text = text.encode("ascii", "replace")
    segments = text.split(b".", parts)
    if len(segments) != parts:
        raise JoseRefused(f"it does not have {parts} parts (compact serialisation, RFC 7515 and 7516)")
    try:
        head, *_ = [unb64(segment) for segment in segments]
        return read(head, kind)
    except ValueError as error:
        raise JoseRefused(str(error)) from None


def encrypt(head: Mapping[str, str | int], plaintext: bytes, key: bytes) -> str:
    """JWE under a shared 32-byte key; ``head`` is added to the protected header."""
    return jwe.encrypt_compact({**_SHARED, **head}, plaintext, OctKey.import_key(key), registry=_SHARED_RULES)


def decrypt(text: str | bytes, key: bytes) -> bytes:
    """The content of what ``encrypt`` wrote; check its ``header`` first. Raises JoseRefused."""
    return _open(text, OctKey.import_key(key), _SHARED_RULES)


def encrypt_for(head: Mapping[str, str | int], plaintext: bytes, receiver: PublicKey) -> str:
    """JWE that only the owner of the X25519 key ``receiver`` can open. Raises JoseRefused where ``receiver`` is not a
    valid key."""
    try:
        return jwe.encrypt_compact({**_SEALED, **head}, plaintext, _key(receiver), registry=_SEALED_RULES)
    except _FAILURES:
        raise JoseRefused("it cannot be encrypted for this key") from None


def decrypt_with(text: str, own: PrivateKey) -> bytes:
    """The content of what ``encrypt_for`` wrote; check its ``header`` first. Raises JoseRefused."""
    return _open(text, _key(own), _SEALED_RULES)


def sign(head: Mapping[str, str | int], payload: bytes, own: PrivateKey) -> str:
    """JWS over ``payload``; ``head`` is added to the protected header."""
    return jws.serialize_compact({**_SIGNED, **head}, payload, _key(own), registry=_SIGNED_RULES)


def verify(text: str, signer: PublicKey) -> bytes:
    """The payload of what ``sign`` wrote; check its ``header`` first. Raises JoseRefused."""
    try:
        return jws.deserialize_compact(text, _key(signer), registry=_SIGNED_RULES).payload
    except _FAILURES:
        raise JoseRefused("the signature is not good") from None


def _open(text: str | bytes, key: OctKey | OKPKey, registry: _Encryption) -> bytes:
    try:
        content = jwe.decrypt_compact(text, key, registry=registry).plaintext
    except _FAILURES:
        content = None
    if content is None:
        raise JoseRefused("it cannot be decrypted: another key, or changed on the way")
    return content


def _key(key: PublicKey | PrivateKey) -> OKPKey:
    return OKPKey.import_key({name: value for name, value in to_builtins(key).items() if value is not None})
