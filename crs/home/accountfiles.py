"""The directory of one account below ``accounts/``: its shared secret and its updates, for people to read and edit.

    accounts/<account id>/account.conf     the shared secret
    accounts/<account id>/<yyyy>-<mm>.upd  one month's update, unprotected

The records in the store are what counts. The files are written from them, and ``crs-cli reload account`` makes records
of what was edited here. What an update means is in ``trust``.
"""

import os
import re
import shutil
from pathlib import Path

from ..errors import OperatorFault
from . import files

_UPDATE = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])\.upd")
_HEAD = """\
# Account {account}. The secret is shared with its CMS, and with nobody else.
# After a change by hand: crs-cli reload account
"""


class AccountFiles:
    """Files of ``account`` below the directory ``accounts``; readable by their owner alone."""

    def __init__(self, accounts: Path, account: str):
        self.account = account
        self.path = accounts / account
        self.conf = self.path / "account.conf"

    def exists(self) -> bool:
        return self.path.is_dir()

    def make(self) -> None:
        """Make the directory; called before a record changes, in case the home cannot be written to."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        _give_to_owner(self.path)

    def secret(self) -> str | None:
        """The shared secret, None where there is no file. Raises OperatorFault if the file is not understood."""
        if not self.conf.is_file():
            return None
        for number, line in enumerate(self.conf.read_text("utf-8", "replace").splitlines(), 1):
            words = line.strip().split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            if words[0] != "shared-secret" or len(words) < 2:
                raise OperatorFault(
                    f"{self.conf}:{number}: {words[0]!r:.40} is not understood; write: shared-secret <secret>"
                )
            return words[1]
        raise OperatorFault(f"{self.conf} names no secret; write: shared-secret <secret>")

    def write_secret(self, secret: str) -> None:
        self._write(self.conf, f"{_HEAD.format(account=self.account)}shared-secret {secret}\n".encode())

    def months(self) -> list[str]:
        """The months (``yyyymm``) whose updates lie here, in order."""
        found = map(_UPDATE.fullmatch, os.listdir(self.path) if self.exists() else ())
        return sorted(match[1] + match[2] for match in found if match)

    def update_path(self, month: str) -> Path:
        return self.path / f"{month[:4]}-{month[4:]}.upd"

    def update(self, month: str) -> bytes | None:
        """A month's update in its unprotected form, None where there is no file."""
        path = self.update_path(month)
        return path.read_bytes() if path.is_file() else None

    def write_update(self, month: str, encoded: bytes) -> None:
        self._write(self.update_path(month), encoded)

    def remove_update(self, month: str) -> None:
        self.update_path(month).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the directory and all that is in it."""
        if self.exists():
            shutil.rmtree(self.path)

    def _write(self, path: Path, content: bytes) -> None:
        self.make()
        files.write(path, content)
        _give_to_owner(path)


def _give_to_owner(made: Path) -> None:
    """What root makes must belong to the user that the host runs as."""
    if os.geteuid() == 0:
        owner = made.parent.stat()
        os.chown(made, owner.st_uid, owner.st_gid)


def accounts_on_disk(accounts: Path) -> list[str]:
    """The names of the directories below ``accounts``, in order."""
    return sorted(entry.name for entry in accounts.iterdir() if entry.is_dir()) if accounts.is_dir() else []
