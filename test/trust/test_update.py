"""Update files: those that load, and every reason to refuse one. The cases are the files in `updates/`."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.errors import UpdateRefused
from crs.trust import months, update
from test.trust.updates.make import NOW, SECRETS

FILES = Path(__file__).parent / "updates"
VALID = sorted(FILES.glob("valid/*.upd"))
INVALID = sorted(FILES.glob("invalid/*.upd"))
GOOD = (FILES / "valid" / "current-month.upd").read_bytes()


def load(data: bytes, now: int = NOW, **more) -> update.Update:
    return update.unprotect(data, SECRETS.get, now, **more)


def reissue(**changed) -> update.Update:
    return msgspec.structs.replace(load(GOOD), **changed)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_file_loads(path):
    found = load(path.read_bytes())
    assert (found.account, found.month_key) == ("acme", bytes(range(32)))


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid_file_is_refused_with_its_own_words(path):
    refusal, words = path.with_suffix(".expected").read_text().splitlines()
    with pytest.raises(UpdateRefused) as caught:
        load(path.read_bytes())
    assert type(caught.value).__name__ == refusal
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_protect_and_unprotect_keep_everything():
    wanted = reissue(clients={f"+4670{number:07}": "x" * 50 for number in range(1000)}, created=NOW)
    assert load(update.protect(wanted, SECRETS["acme"])) == wanted
    assert update.decode(update.encode(wanted)) == wanted


def test_secret_is_any_text():
    wanted = reissue()
    data = update.protect(wanted, "hemlig åäö med blanksteg")
    assert update.unprotect(data, lambda account: "hemlig åäö med blanksteg", NOW) == wanted


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(at, change):
    with pytest.raises(UpdateRefused):
        load(GOOD[:at] + bytes([GOOD[at] ^ change]) + GOOD[at + 1 :])


@given(st.integers(0, len(GOOD) - 1))
def test_any_missing_end_is_refused(length):
    with pytest.raises((update.Truncated, update.NotAnUpdate)):
        load(GOOD[:length])


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_politely(data):
    with pytest.raises(UpdateRefused):
        load(data)


def test_previous_month_is_loaded_within_its_grace():
    end = months.end("202611")
    assert load(GOOD, end + months.GRACE - 1)
    with pytest.raises(update.Expired):
        load(GOOD, end + months.GRACE)
    with pytest.raises(update.Expired):
        load(GOOD, end + 5000, grace=5000)


def test_next_month_is_loaded_and_no_later_one():
    early = update.protect(reissue(created=0), SECRETS["acme"])
    assert load(early, months.start("202610"))
    with pytest.raises(update.TooEarly):
        load(early, months.start("202610") - 1)


def test_too_large_a_file_is_refused_unread(monkeypatch):
    monkeypatch.setattr(update, "MAX_FILE", len(GOOD) - 1)
    with pytest.raises(update.FileTooLarge):
        load(GOOD)


def test_newer_reissue_replaces():
    old = load(GOOD)
    update.check_replaces(reissue(created=old.created + 1, domains=[], clients={}), old)
    update.check_replaces(old, None)


def test_the_same_update_may_be_applied_again():
    update.check_replaces(load(GOOD), load(GOOD))


@pytest.mark.parametrize("later", [0, 1])
def test_older_or_equally_old_update_is_a_replay(later):
    new = reissue(domains=[])
    with pytest.raises(update.Replayed, match="2026-11-14 23:59:59 UTC"):
        update.check_replaces(new, reissue(created=new.created + later))


def test_reissue_keeps_the_month_key():
    old = load(GOOD)
    with pytest.raises(update.MonthKeyChanged):
        update.check_replaces(reissue(created=old.created + 1, month_key=bytes(32)), old)


@pytest.mark.parametrize("refused", [b"", b"{}", b"\xff", b"null", GOOD])
def test_unprotected_form_changed_by_hand_is_refused(refused):
    with pytest.raises(update.BadContent):
        update.decode(refused)


def test_month_key_is_not_in_the_text_form():
    assert "month_key" not in repr(load(GOOD)) and "\\x01" not in repr(load(GOOD))
