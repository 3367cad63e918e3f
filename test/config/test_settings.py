"""Configuration: the value that each line leads to, and the text of every fault.

``valid`` and ``invalid`` hold one case a file: the text of the three files (``GOOD`` where one is left out), and behind
``--- expect`` the attributes of the Config, or every fault, word for word.
"""

import ipaddress
import re
from pathlib import Path

import pytest

from crs.config.settings import ConfigError, load
from crs.config.values import DEFAULT_KEEP_ALIVE, Cps, KeepAliveRule
from crs.names import Client

from .writing import GOOD, write

CASES = Path(__file__).parent
SCOPE = {"Cps": Cps, "KeepAliveRule": KeepAliveRule, "IPv4Network": ipaddress.IPv4Network}


def parts(case: Path) -> dict[str, str]:
    """The parts of a case file by the name on their ``---`` line."""
    pieces = re.split(r"^--- (.*)\n", case.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def case_files(kind: str) -> list:
    files = sorted((CASES / kind).glob("*.conf"))
    assert files
    return [pytest.param(file, id=file.stem) for file in files]


@pytest.mark.parametrize("case", case_files("valid"))
def test_valid(case, tmp_path):
    files = parts(case)
    expected = files.pop("expect")
    conf = load(write(tmp_path, files))
    for line in expected.splitlines():
        attribute, _, value = line.partition(" = ")
        assert getattr(conf, attribute) == eval(value, SCOPE), attribute


@pytest.mark.parametrize("case", case_files("invalid"))
def test_invalid(case, tmp_path):
    files = parts(case)
    expected = files.pop("expect")
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, files))
    assert [str(fault) for fault in caught.value.faults] == expected.splitlines()


def test_the_error_is_one_line_that_counts_the_rest(tmp_path):
    write(tmp_path, {"crs.conf": GOOD["crs.conf"] + "listen-port 0\nrelay-port 0\nsync-port 0\n"})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        "crs.conf:3:13: listen-port: 0 is out of bounds; write a number, 1 to 65535 (and 2 more, see crsd --check)"
    )


def test_first_matching_keep_alive_rule(tmp_path):
    lines = (
        "keep-alive +46701234567@acme tcp 1000\nkeep-alive 10.0.0.0/8 ws 2000 500\n"
        "keep-alive 10.1.0.0/16 ws 3000\nkeep-alive 2001:db8::/32 ws 4000\n"
    )
    conf = load(write(tmp_path, {"crs.conf": GOOD["crs.conf"] + lines}))
    known, other = Client("+46701234567", "acme"), Client("+46701234567", "ajax")
    assert conf.keep_alive_for("10.1.2.3", known) == KeepAliveRule("tcp", 1000, 30_000)
    assert conf.keep_alive_for("10.1.2.3", other) == KeepAliveRule("ws", 2000, 500)
    assert conf.keep_alive_for("10.1.2.3") == KeepAliveRule("ws", 2000, 500)
    assert conf.keep_alive_for("::ffff:10.1.2.3") == KeepAliveRule("ws", 2000, 500)
    assert conf.keep_alive_for("2001:db8::7") == KeepAliveRule("ws", 4000, 30_000)
    assert conf.keep_alive_for("192.0.2.1", other) == DEFAULT_KEEP_ALIVE == KeepAliveRule("ws", 1_230_000, 30_000)


def test_first_matching_detach_cleanup_rule(tmp_path):
    lines = "detach-cleanup tel:+46-701-234567@acme 10\ndetach-cleanup 10.0.0.0/8 20\n"
    conf = load(write(tmp_path, {"crs.conf": GOOD["crs.conf"] + lines}))
    assert conf.detach_cleanup_for("10.0.0.1", Client("+46701234567", "acme")) == 10
    assert conf.detach_cleanup_for("10.0.0.1", None) == 20
    assert conf.detach_cleanup_for("11.0.0.1", None) is None


def test_notes_tell_the_obsolete_and_the_not_yet_effective(tmp_path):
    conf = load(write(tmp_path, {"crs.conf": GOOD["crs.conf"] + "  app attach\nkey k\n"}))
    assert list(map(str, conf.notes)) == [
        "crs.conf:3:3: app is ignored since 4.11.0; remove the line",
        "crs.conf:4:1: key is not yet effective; it is checked, and counts in a later release",
    ]


def test_files_of_a_running_host_are_read_from_their_copy(tmp_path):
    (tmp_path / "copy").mkdir()
    write(tmp_path / "copy", {"crs.conf": GOOD["crs.conf"] + "listen-port 443\n"})
    conf = load(tmp_path, tmp_path / "copy")
    assert (conf.listen_port, conf.home.root) == (443, tmp_path)
