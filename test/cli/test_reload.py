"""reload account: what was changed by hand in the files of accounts."""

import re
from pathlib import Path

import msgspec
import pytest

from crs.cli import reload
from crs.errors import OperatorFault
from crs.home.accountfiles import AccountFiles
from crs.store.accounts import AccountRecords
from crs.trust import update
from test.cli.test_updates import GOOD, UPDATE
from test.trust.updates.make import NOW, SECRETS

pytestmark = pytest.mark.usefixtures("accounts")


def test_reload_of_what_nobody_changed(operator, store):
    operator(f"apply {GOOD}")
    version = store.operator.version()
    assert operator("reload account").text == "2 accounts read; changed: nothing"
    assert store.operator.version() == version


def test_a_secret_changed_by_hand_becomes_effective(operator, store, files):
    files.write_secret("another secret")
    assert operator("reload account").fields == {"accounts": ["acme", "beta"], "changed": ["acme (shared secret)"]}
    assert store.accounts.get("acme") == msgspec.structs.replace(
        store.accounts.get("acme"), secret="another secret", created=NOW
    )


def test_an_account_made_by_hand_becomes_effective(operator, store, home):
    AccountFiles(home.accounts, "made").write_secret("by hand")
    assert operator("reload account").fields["changed"] == ["made (new)"]
    assert store.accounts.get("made").secret == "by hand"


def test_an_update_copied_by_hand_becomes_effective(operator, store, files):
    files.write_update("202611", update.encode(UPDATE))
    assert operator("reload account").fields["changed"] == ["acme 2026-11"]
    assert store.accounts.update("acme", "202611").created == UPDATE.created


def test_missing_files_are_written(operator, files):
    operator(f"apply {GOOD}")
    files.remove()
    assert operator("reload account").fields["changed"] == []
    assert files.secret() == SECRETS["acme"] and update.decode(files.update("202611")) == UPDATE


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda files: files.conf.write_text("sekret x"), "account.conf:1: 'sekret' is not understood"),
        (lambda files: files.write_update("202611", GOOD.read_bytes()), "2026-11.upd: it is protected; crs-cli apply"),
        (
            lambda files: files.write_update("202612", update.encode(UPDATE)),
            "2026-12.upd: it is the update of acme 2026-11",
        ),
        (
            lambda files: files.write_update("202611", update.encode(msgspec.structs.replace(UPDATE, created=1))),
            "2026-11.upd: the update for 202611 of account acme created 1970-01-01 00:00:00 UTC is not newer",
        ),
        (lambda files: (files.path.parent / "a b").mkdir(), "account id 'a b' is not valid"),
        (lambda files: (files.path.parent / "empty").mkdir(), "accounts/empty: there is no account.conf"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_the_others_count(operator, store, files, home, capsys, spoil, told):
    operator(f"apply {GOOD}")
    capsys.readouterr()
    AccountFiles(home.accounts, "made").write_secret("by hand")
    spoil(files)
    with pytest.raises(OperatorFault, match=re.escape("1 of the files is not loaded; changed: made (new)")):
        operator("reload account")
    warned = capsys.readouterr().err
    assert told in warned and warned.startswith("crs-cli: warning: ") and warned.count("\n") == 1
    assert store.accounts.update("acme", "202611").created == UPDATE.created
    assert store.accounts.get("acme").secret == SECRETS["acme"]


def test_a_file_deleted_between_listing_and_reading_counts_as_absent(operator, store, files, monkeypatch):
    operator(f"apply {GOOD}")
    files.write_update("202612", b"listed")
    listed = AccountFiles.months

    def list_and_delete(self) -> list[str]:
        months = listed(self)
        self.remove_update("202612")
        return months

    monkeypatch.setattr(AccountFiles, "months", list_and_delete)
    assert operator("reload account").text == "2 accounts read; changed: nothing"
    assert [month for _, month in store.accounts.created()] == ["202611"]


def test_an_account_deleted_between_listing_and_reading_counts_as_absent(operator, home, monkeypatch):
    (home.accounts / "going").mkdir()
    listed = reload.accounts_on_disk

    def list_and_delete(accounts: Path) -> list[str]:
        names = listed(accounts)
        (home.accounts / "going").rmdir()
        return names

    monkeypatch.setattr(reload, "accounts_on_disk", list_and_delete)
    assert operator("reload account").fields["changed"] == []


def test_an_update_deleted_between_listing_and_writing_is_not_written(operator, store, files, monkeypatch):
    operator(f"apply {GOOD}")
    files.remove_update("202611")
    listed = AccountRecords.created

    def list_and_delete(self) -> dict:
        found = listed(self)
        self.delete_update("acme", "202611", NOW)
        return found

    monkeypatch.setattr(AccountRecords, "created", list_and_delete)
    assert operator("reload account").fields["changed"] == []
    assert files.months() == []
