"""The paths of a home, and what is made, tightened and refused there."""

import socket
import stat

import pytest

from crs.errors import OperatorFault
from crs.home.paths import NOTIFY_SH, RESTORED, UNRESTORED, Home


def test_home_from_option_environment_or_installation(monkeypatch):
    monkeypatch.setenv("CRS_HOME", "/from/environment")
    assert str(Home.find("/given")) == "/given"
    assert str(Home.find()) == "/from/environment"
    monkeypatch.delenv("CRS_HOME")
    installed = Home.find()
    assert (str(installed), str(installed.crs_log)) == ("/opt/crs", "/var/log/crs/crs.log")
    assert str(Home("/srv/x").relay_log) == "/srv/x/log/crs_relay.log"


def test_the_longest_path_that_fits(tmp_path):
    short = Home(tmp_path)
    rest = 107 - len(str(short.redis_high_sock)) - 1
    Home(tmp_path / ("x" * rest)).check_socket_paths()
    with socket.socket(socket.AF_UNIX) as sock:
        fitting = Home(tmp_path / ("x" * rest))
        fitting.prepare()
        sock.bind(str(fitting.redis_high_sock))


def test_a_longer_path_is_refused(tmp_path):
    rest = 107 - len(str(Home(tmp_path).redis_high_sock))
    with pytest.raises(OperatorFault, match="is 1 bytes too long for a Unix socket"):
        Home(tmp_path / ("x" * rest)).prepare()


def test_a_fresh_home_has_its_files_and_is_made_once(tmp_path):
    home = Home(tmp_path / "home")
    home.create({"crs.conf": "host crs1\n"})
    assert home.conf.read_text() == "host crs1\n" and home.notify.read_text() == NOTIFY_SH
    assert all(path.is_dir() and mode(path) == 0o700 for path in home.directories())
    with pytest.raises(OperatorFault, match="is not an empty directory"):
        home.create({})


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_of_accounts_are_tightened(tmp_path):
    """The manual's restore leaves them readable by all."""
    home = Home(tmp_path / "home")
    home.create({"crs.conf": "", "crs-local.conf": ""})
    secret, outside = home.accounts / "acme", tmp_path / "outside"
    for path in (secret, outside):
        path.write_text("")
        path.chmod(0o644)
    (home.accounts / "link").symlink_to(outside)
    home.conf.chmod(0o644)
    assert home.tighten() == [secret, home.conf]
    assert [mode(secret), mode(home.conf), mode(outside)] == [0o600, 0o640, 0o644]
    assert home.tighten() == []


@pytest.mark.parametrize(("content", "whole"), [(None, True), (RESTORED, True), (UNRESTORED, False)])
def test_a_restore_that_broke_off_is_told(tmp_path, content, whole):
    home = Home(tmp_path)
    home.prepare()
    if content is not None:
        home.restored.write_bytes(content)
    if whole:
        home.check_restored()
    else:
        with pytest.raises(OperatorFault, match="broke off: the archive is not complete"):
            home.check_restored()
