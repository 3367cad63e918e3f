"""The file that a CMS keeps: private, checked when it is read, and for one command at a time."""

import fcntl
import stat

import pytest

from crs.cms import issue, state
from crs.cms.state import CmsFault
from crs.errors import OperatorFault
from crs.home import files


@pytest.fixture
def home(tmp_path):
    """The home of a CMS without clients."""
    state.create(tmp_path / "cms", issue.new("acme", "a secret", lambda count: bytes(range(count))))
    return tmp_path / "cms"


def test_what_was_saved_is_there_again_and_private(home):
    with state.opened(home) as cms:
        issue.add_client(cms, "+46701234567", lambda count: bytes(count))
        state.save(home, cms)
    with state.opened(home) as again:
        assert again == cms and list(again.clients) == ["+46701234567"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home, home / state.FILE)] == [0o700, 0o600]
    assert "a secret" not in repr(again)


def test_one_command_at_a_time(home):
    with state.opened(home), open(home / state.LOCK) as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(home / state.LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_damaged_file_is_refused(home):
    path = home / state.FILE
    good = path.read_bytes()
    for content, told in ((good[:-20], "backup"), (good.replace(b'"Ed25519"', b'"X25519"'), "domain_key")):
        files.write(path, content)
        with pytest.raises(CmsFault, match=told), state.opened(home):
            pass
    path.chmod(0o640)
    with pytest.raises(OperatorFault, match="chmod 600"), state.opened(home):
        pass
