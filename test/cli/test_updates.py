"""Monthly updates: applied, refused, shown."""

import re
from pathlib import Path

import msgspec
import pytest

import test.trust
from crs.cli.output import Utc
from crs.errors import OperatorFault, UpdateRefused
from crs.names import Client
from crs.trust import months, update
from test.trust.updates.make import NOW, SECRETS

FILES = Path(test.trust.__file__).parent / "updates"
GOOD = FILES / "valid" / "current-month.upd"
INVALID = sorted(FILES.glob("invalid/*.upd"))
UPDATE = update.unprotect(GOOD.read_bytes(), SECRETS.get, NOW)
DESK = Client("urn:x-crs:client:desk", "acme")

pytestmark = pytest.mark.usefixtures("accounts")


@pytest.fixture
def protected(tmp_path):
    """Make a protected file of the good update, changed."""

    def make(secret=SECRETS["acme"], **changed) -> Path:
        path = tmp_path / "changed.upd"
        path.write_bytes(update.protect(msgspec.structs.replace(UPDATE, **changed), secret))
        return path

    return make


def contents(store, home):
    """All that an apply could change."""
    return (
        store.operator.version(),
        list(store.accounts.updates()),
        {path: path.read_bytes() for path in home.accounts.rglob("*") if path.is_file()},
    )


# --- apply ----------------------------------------------------------------------------------------------------------


def test_apply_makes_a_record_and_a_file(operator, store, files):
    line = operator(f"apply {GOOD}")
    assert line.text == (
        f"acme 2026-11, created {Utc(UPDATE.created)} UTC, 2 clients, connected domains: beta; applied"
    )
    assert line.fields == {
        "account": "acme",
        "month": "202611",
        "created": UPDATE.created,
        "clients": 2,
        "domains": ["beta"],
        "changed": True,
    }
    held = store.accounts.update("acme", "202611")
    assert (held.created, held.month_key, held.uris) == (UPDATE.created, UPDATE.month_key, frozenset(UPDATE.clients))
    assert store.accounts.crypto_update(DESK, "202611") == "opaque too"
    assert update.decode(files.update("202611")) == UPDATE
    assert (files.path / "2026-11.upd").stat().st_mode & 0o077 == 0


def test_applying_the_same_file_again_changes_no_record(operator, store):
    operator(f"apply {GOOD}")
    version = store.operator.version()
    assert operator(f"apply {GOOD}").text.endswith("was applied already")
    assert store.operator.version() == version


def test_a_reissue_takes_the_place_of_the_update(operator, store, files, protected):
    operator(f"apply {GOOD}")
    operator(f"apply {protected(created=NOW, domains=[], clients={'+46701234567': 'newer'})}")
    assert store.accounts.update("acme", "202611").uris == {"+46701234567"}
    assert store.accounts.crypto_update(DESK, "202611") is None
    assert update.decode(files.update("202611")).clients == {"+46701234567": "newer"}


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_file_that_is_refused_changes_nothing(operator, store, home, path):
    operator(f"apply {GOOD}")
    before = contents(store, home)
    with pytest.raises(UpdateRefused, match=re.escape(path.with_suffix(".expected").read_text().splitlines()[1])):
        operator(f"apply {path}")
    assert contents(store, home) == before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"created": UPDATE.created - 1}, "is not newer than the one applied"),
        ({"created": NOW, "month_key": bytes(32)}, "has another month key than the one applied"),
        ({"created": UPDATE.created, "domains": []}, "is not newer than the one applied"),
    ],
)
def test_what_may_not_replace_the_update_changes_nothing(operator, store, home, protected, changed, told):
    operator(f"apply {GOOD}")
    before = contents(store, home)
    with pytest.raises(UpdateRefused, match=told):
        operator(f"apply {protected(**changed)}")
    assert contents(store, home) == before


@pytest.mark.parametrize(
    ("path", "told"),
    [("/no/such.upd", "cannot read /no/such.upd: No such file or directory"), ("/", "cannot read /: Is a directory")],
)
def test_a_file_that_cannot_be_read(operator, path, told):
    with pytest.raises(OperatorFault, match=told):
        operator(f"apply {path}")


def test_the_grace_of_a_month_is_the_configured_one(operator, home, protected):
    path = protected()
    operator.now = months.end("202611") + 3 * months.DAY
    operator(f"apply {path}")
    home.conf.write_text(home.conf.read_text() + "\nGLOBAL\nupdate-grace 2\n")
    with pytest.raises(UpdateRefused, match="has run out"):
        operator(f"apply {path}")


def test_apply_removes_updates_whose_keys_have_run_out(operator, store, files, protected):
    operator(f"apply {GOOD}")
    operator.now = months.start("202701")
    operator(f"apply {protected(month='202701', created=operator.now)}")
    assert [month for _, month in store.accounts.created()] == files.months() == ["202701"]


# --- show updates ---------------------------------------------------------------------------------------------------


def test_show_updates(operator, protected):
    operator(f"apply {GOOD}")
    operator(f"apply {protected(month='202612', created=NOW)}")
    table = operator("show updates")
    assert (table.columns, table.absent) == (("Account", "Current Month", "Next Month"), "Not Available")
    assert table.rows == [("acme", UPDATE.created, NOW), ("beta", None, None)]
    assert str(table.rows[0][2]) == "2026-11-15 00:00:00"
    operator.now = months.start("202612")
    assert operator("show updates").rows == [("acme", NOW, None), ("beta", None, None)]
