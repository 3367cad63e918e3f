"""What the CMS of one account keeps: one JSON file, ``cms.json``, in a directory of its own.

The directory is 0700, the file 0600 and written whole; a lock lets one
command at a time work on it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from crs.errors import OperatorFault
from crs.home import files
from crs.trust import fields, jose
from crs.trust.jose import PrivateKey
from crs.wire import vocabulary

FILE = "cms.json"
LOCK = "lock"
MAX_FILE = 64 * 1024 * 1024  # bytes; 100,000 clients need about 7 MB


class CmsFault(OperatorFault):
    """The key manager asked for something that cannot be done; one line with the remedy."""


class MonthRecord(Struct, forbid_unknown_fields=True):
    """What the CMS keeps of a month."""

    key: fields.Key  # the month key; never changes once anything was made from it
    created: int = 0  # creation time of the last update written, ms since 1970; 0: none yet

    def __repr__(self) -> str:
        return f"<month created {self.created}>"


class CmsState(Struct, forbid_unknown_fields=True):
    """One account as its CMS knows it."""

    version: Literal[1]
    account: vocabulary.Account
    secret: Annotated[str, Meta(min_length=1)]  # shared with the CRS: protects updates
    domain_key: PrivateKey  # Ed25519: signs client tokens, as long as the account lives
    domains: dict[vocabulary.Account, str]  # connected account -> its domain token
    clients: dict[str, fields.Key]  # URI -> 32 random bytes, from which all its keys follow
    months: dict[vocabulary.Month, MonthRecord]

    def __repr__(self) -> str:
        return f"<CMS of {self.account}: {len(self.clients)} clients>"


def create(directory: Path, state: CmsState) -> None:
    """Make ``directory`` (new, or empty) the home of a CMS. Raises CmsFault, OperatorFault."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise CmsFault(f"{directory} is not empty; choose another directory")
        directory.chmod(0o700)
    except OSError as error:
        raise CmsFault(f"cannot make {directory}: {error.strerror}") from None
    save(directory, state)


@contextmanager
def opened(directory: Path) -> Iterator[CmsState]:
    """The state in ``directory``, while no other command works on it. Raises CmsFault, OperatorFault."""
    if not (directory / FILE).exists():
        raise CmsFault(f"{directory} is not the home of a CMS; make one with 'crs-cms init'")
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CmsFault(f"cannot lock {directory}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield _load(directory / FILE)
    finally:
        os.close(descriptor)


def save(directory: Path, state: CmsState) -> None:
    """Write ``state``: whole, or not at all. Raises OperatorFault."""
    files.write(directory / FILE, fields.write(state) + b"\n")


def _load(path: Path) -> CmsState:
    try:
        state = fields.read(files.read(path, MAX_FILE), CmsState)
    except ValueError as error:
        raise CmsFault(f"{path} is wrong: {error}; take it from a backup") from None
    if not jose.is_pair(state.domain_key, "Ed25519"):
        raise CmsFault(f"{path} is wrong: domain_key is not an Ed25519 key pair; take it from a backup")
    return state
