"""The files of an account: as written by the host, and as edited by hand."""

import stat

import pytest

from crs.errors import OperatorFault
from crs.home.accountfiles import AccountFiles, accounts_on_disk


@pytest.fixture
def files(tmp_path) -> AccountFiles:
    return AccountFiles(tmp_path, "acme")


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_read_again(files):
    assert not files.exists() and files.secret() is None and files.months() == []
    files.write_secret("a secret # with spaces")
    files.write_update("202612", b"{}")
    files.write_update("202611", b"[]")
    assert files.secret() == "a secret # with spaces"
    assert files.months() == ["202611", "202612"]
    assert (files.update("202611"), files.update("202612"), files.update("202701")) == (b"[]", b"{}", None)
    assert (files.path / "2026-11.upd").is_file()


def test_files_are_their_owners_alone(files):
    files.write_secret("hush")
    files.write_update("202611", b"{}")
    assert [mode(path) for path in (files.path, files.conf, files.update_path("202611"))] == [0o700, 0o600, 0o600]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("shared-secret abc", "abc"),
        ("\n# a remark\n  shared-secret\t abc \r\n", "abc"),
    ],
)
def test_a_secret_written_by_hand(files, text, secret):
    files.path.mkdir()
    files.conf.write_text(text)
    assert files.secret() == secret


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no secret"),
        ("shared-secret\n", ":1: 'shared-secret' is not understood"),
        ("# x\nsecret abc\n", ":2: 'secret' is not understood"),
    ],
)
def test_a_file_that_is_not_understood(files, text, told):
    files.path.mkdir()
    files.conf.write_text(text)
    with pytest.raises(OperatorFault, match="write: shared-secret <secret>") as caught:
        files.secret()
    assert told in str(caught.value) and "abc" not in str(caught.value)


def test_other_files_are_no_updates(files):
    files.write_secret("hush")
    for name in ("2026-13.upd", "2026-11.upd.bak", "x2026-11.upd", "notes"):
        (files.path / name).write_text("")
    assert files.months() == []


def test_remove(files, tmp_path):
    files.remove()
    files.write_secret("hush")
    files.write_update("202611", b"{}")
    (tmp_path / "2026-11.upd").write_text("a protected update left here")
    assert accounts_on_disk(tmp_path) == ["acme"]
    files.remove_update("202611")
    files.remove_update("202611")
    assert files.months() == []
    files.remove()
    assert accounts_on_disk(tmp_path) == [] and accounts_on_disk(tmp_path / "none") == []
