"""The monthly update of an account: what the CMS tells the CRS, protected on the way by the account's shared secret.

The protected file, the unprotected form that the host keeps, and every reason to refuse an update. Where updates are
kept and what a host does with them is not decided here. Format, with a worked example: ``doc/update-file.md``.
"""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from crs.errors import UpdateRefused
from crs.trust import fields, jose, months, tokens
from crs.trust.identity import hkdf
from crs.wire import vocabulary

TYPE = "crs-update"
VERSION = 1
MAX_FILE = 256 * 1024 * 1024  # bytes; 100,000 clients need about 200 MiB
SKEW = months.DAY  # how far the clocks of CMS and CRS may differ, milliseconds
_TAG_LENGTH = 22  # characters: the 16 bytes that end a protected file


class NotAnUpdate(UpdateRefused):
    """The file is something else."""


class FileTooLarge(UpdateRefused):
    """The file is larger than MAX_FILE bytes."""


class OtherVersion(UpdateRefused):
    """The file has a format that this release does not know."""


class Truncated(UpdateRefused):
    """The end of the file is missing."""


class Damaged(UpdateRefused):
    """The file was changed after the CMS wrote it, by accident or on purpose."""


class UnknownAccount(UpdateRefused):
    """The file is for an account that this host does not have."""


class WrongSecret(UpdateRefused):
    """CMS and CRS have different secrets for the account."""


class BadContent(UpdateRefused):
    """The file is authentic, but what the CMS wrote is not valid; the text names the field."""


class Expired(UpdateRefused):
    """The month of the file, and its grace, have passed."""


class TooEarly(UpdateRefused):
    """The file's month comes after the next, or the file was made in the future."""


class Replayed(UpdateRefused):
    """A newer update for the same month has been applied."""


class MonthKeyChanged(UpdateRefused):
    """A re-issue with another month key would lock out every client that holds the old one."""


class Update(Struct, forbid_unknown_fields=True, frozen=True):
    """One account's update for one month. ``fields`` of the JSON have these very names."""

    account: vocabulary.Account
    month: vocabulary.Month
    created: Annotated[int, Meta(ge=0, le=253_402_300_799_999)]  # milliseconds since 1970; tells re-issues apart
    month_key: fields.Key  # 32 bytes, from which identities and PSKs follow
    domain_token: str  # the key that signs this account's client tokens
    domains: list[vocabulary.Account]  # accounts that this one connects to
    clients: dict[str, Annotated[str, Meta(min_length=1, max_length=vocabulary.MAX_BODY)]]  # URI -> crypto update

    def __repr__(self) -> str:
        return f"<update {self.account} {self.month} created {utc(self.created)}, {len(self.clients)} clients>"


class _Kind(Struct):
    """The header members of every version."""

    typ: str = ""
    ver: int = 0


class _Header(jose.SharedHeader):
    typ: Literal["crs-update"]
    ver: Literal[1]
    kid: vocabulary.Account
    kcv: str


def protect(update: Update, secret: str) -> bytes:
    """The protected update file; ``secret`` is the account's shared secret, the text as agreed."""
    account = update.account
    head: dict[str, str | int] = {"typ": TYPE, "ver": VERSION, "kid": account, "kcv": _check_value(secret, account)}
    return jose.encrypt(head, encode(update), _key(secret, account)).encode()


def unprotect(data: bytes, secret_of: Callable[[str], str | None], now: int, grace: int = months.GRACE) -> Update:
    """The update in a protected file. ``secret_of(account)`` gives the shared secret, or None for an unknown
    account; ``now`` and ``grace`` (how long a month is honoured after its end) are milliseconds.

    Raises a subclass of UpdateRefused that says what is wrong.
    """
    text = data.strip()
    account, check_value = _header(text)
    secret = secret_of(account)
    if secret is None:
        raise UnknownAccount(
            f"the update is for account {account}, which does not exist here; "
            "see 'crs-cli list account', and 'crs-cli create account'"
        )
    if not hmac.compare_digest(check_value.encode(), _check_value(secret, account).encode()):
        raise WrongSecret(
            f"the update was protected with another shared secret than account {account} has here; "
            "compare 'crs-cli list account' with the CMS"
        )
    try:
        content = jose.decrypt(text, _key(secret, account))
    except jose.JoseRefused:
        raise Damaged(_damaged("its content")) from None
    update = decode(content)
    if update.account != account:
        raise BadContent(f"the update says account {update.account} inside and {account} outside")
    check_time(update, now, grace)
    return update


def encode(update: Update) -> bytes:
    """The unprotected form, as the host keeps it: JSON. It holds the month key: a secret."""
    return fields.write(update)


def decode(data: bytes) -> Update:
    """Read the unprotected form back, checking every field. Raises BadContent."""
    try:
        update = fields.read(data, Update)
        tokens.domain_key(update.domain_token, update.account)
        _check_domains(update)
        for uri in update.clients:
            fields.check_uri(uri)
    except (ValueError, tokens.TokenRefused) as error:
        raise BadContent(f"the update's content is wrong: {error}") from None
    return update


def check_time(update: Update, now: int, grace: int = months.GRACE) -> None:
    """Raise Expired or TooEarly unless the update may be applied at ``now``: it is for the previous month in its grace,
    the current month or the next, and was not made in the future."""
    if months.expired(update.month, now, grace):
        raise Expired(f"the update for {update.month} of account {update.account} has run out; ask for a current one")
    if not months.usable(update.month, now, grace):
        raise TooEarly(
            f"the update for {update.month} of account {update.account} comes too early; "
            f"apply it in {months.before(update.month)}"
        )
    if update.created > now + SKEW:
        raise TooEarly(
            f"the update for {update.month} of account {update.account} was created in the future "
            f"({utc(update.created)}); check the clocks of the CMS and of this host"
        )


def check_replaces(new: Update, old: Update | None) -> None:
    """Raise Replayed or MonthKeyChanged unless ``new`` may take the place of ``old``, the applied update of the same
    account and month (None: there is none). Applying the same update again is allowed and changes nothing."""
    if old is None or new == old:
        return
    if new.created <= old.created:
        raise Replayed(
            f"the update for {new.month} of account {new.account} created {utc(new.created)} is not newer "
            f"than the one applied, created {utc(old.created)}"
        )
    if new.month_key != old.month_key:
        raise MonthKeyChanged(
            f"the update for {new.month} of account {new.account} has another month key than the one "
            "applied: its clients would be locked out; ask the CMS to re-issue it with the same key"
        )


def _header(text: bytes) -> tuple[str, str]:
    """Account and check value from the header of a protected file."""
    if len(text) > MAX_FILE:
        raise FileTooLarge(f"the update file is larger than {MAX_FILE // 1024 // 1024} MiB")
    head, dot, rest = text.partition(b".")
    try:
        kind = fields.read(fields.unb64(head), _Kind)
    except ValueError:
        if not head.startswith(b"eyJ"):  # what every JOSE header starts with
            raise NotAnUpdate("this is not a protected update file as a CMS writes it") from None
        raise (Damaged(_damaged("its header")) if dot else Truncated(_TRUNCATED)) from None
    if kind.typ != TYPE:
        raise NotAnUpdate("this is not an update file; its header says that it is something else")
    if kind.ver != VERSION:
        raise OtherVersion(f"the update file has format version {kind.ver}; this release reads version {VERSION}")
    if rest.count(b".") < 3 or rest.count(b".") == 3 and len(rest.rpartition(b".")[2]) < _TAG_LENGTH:
        raise Truncated(_TRUNCATED)
    try:
        header = jose.header(text, _Header)
    except jose.JoseRefused as error:
        raise Damaged(_damaged(str(error))) from None
    return header.kid, header.kcv


def _check_domains(update: Update) -> None:
    if update.account in update.domains:
        raise ValueError("the account connects to itself - at `$.domains`")
    if len(set(update.domains)) != len(update.domains):
        raise ValueError("an account stands twice - at `$.domains`")


def _key(secret: str, account: str) -> bytes:
    return hkdf(secret.encode(), f"crs-update:{account}")


def _check_value(secret: str, account: str) -> str:
    """Eight bytes that tell a wrong secret from a damaged file; they help a guesser no more than the file's own
    authentication tag does."""
    return fields.b64(hkdf(secret.encode(), f"crs-update-check:{account}", 8))


_TRUNCATED = "the update file is cut short; get the whole file again"


def _damaged(what: str) -> str:
    return f"the update file was changed or damaged after the CMS wrote it ({what}); get it again"


def utc(time: int) -> str:
    """``time`` as text for people."""
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
