"""Configuration: what each line leads to, and what is told of each mistake.

``config/valid`` and ``config/invalid`` hold one case a file: the text of the three files (a good one stands in where
one is left out), and behind ``--- expect`` the attributes of the Config, or every fault, word for word.
"""

import ipaddress
import re
from pathlib import Path

import pytest

from crs.config import directives
from crs.config.settings import ConfigError, load
from crs.config.values import DEFAULT_KEEP_ALIVE, Cps, KeepAliveRule
from crs.home.paths import NOTIFY_SH
from crs.names import Client

CASES = Path(__file__).parent
SAMPLES = Path(__file__).parents[2] / "etc" / "crs"
GOOD = {"crs.conf": "host crs1\nip crs1 192.0.2.1\n", "crs-local.conf": "crsname crs1\n", "crs-relay.conf": ""}
SCOPE = {"Cps": Cps, "KeepAliveRule": KeepAliveRule, "IPv4Network": ipaddress.IPv4Network}


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in {**GOOD, **files}.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def parts(case: Path) -> dict[str, str]:
    """The parts of a case file by the name on their ``---`` line."""
    pieces = re.split(r"^--- (.*)\n", case.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2]))


def case_files(kind: str) -> list:
    files = sorted((CASES / kind).glob("*.conf"))
    assert files
    return [pytest.param(file, id=file.stem) for file in files]


def faults(directory: Path, **files: str) -> list[str]:
    """Every fault of the good files with these in their place (``_`` for ``-``, without ``.conf``)."""
    write(directory, {name.replace("_", "-") + ".conf": text for name, text in files.items()})
    with pytest.raises(ConfigError) as caught:
        load(directory)
    return [str(fault) for fault in caught.value.faults]


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


def test_windows_line_ends_and_byte_order_mark(tmp_path):
    write(tmp_path, {})
    text = b"\xef\xbb\xbfGLOBAL\r\nlisten-port 443\r\nPOOL\r\nhost crs1\r\nip crs1 192.0.2.1\r\n"
    (tmp_path / "crs.conf").write_bytes(text)
    assert load(tmp_path).listen_port == 443


def test_bytes_that_are_no_text(tmp_path):
    write(tmp_path, {})
    (tmp_path / "crs.conf").write_bytes(b"host crs1\nip crs1 192.0.2.1\nkey \xe5\xe4\xf6\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert list(map(str, caught.value.faults)) == ["crs.conf:3:5: this byte is not UTF-8 text; save the file as UTF-8"]


def test_missing_files(tmp_path):
    for name in ("crs.conf", "crs-local.conf"):
        write(tmp_path, {})
        (tmp_path / name).unlink()
        with pytest.raises(ConfigError) as caught:
            load(tmp_path)
        assert (
            str(caught.value)
            == f"{name}: {tmp_path}/{name} is missing; begin with the text of: crsd --print-config {name}"
        )


def test_relay_file_may_be_missing(tmp_path):
    write(tmp_path, {})
    (tmp_path / "crs-relay.conf").unlink()
    assert set(load(tmp_path).relay_limits.values()) == {None}


def test_a_directory_in_place_of_a_file(tmp_path):
    write(tmp_path, {})
    (tmp_path / "crs.conf").unlink()
    (tmp_path / "crs.conf").mkdir()
    with pytest.raises(ConfigError, match=r"crs\.conf cannot be read: Is a directory; check its owner and mode"):
        load(tmp_path)


def test_a_file_that_never_ends(tmp_path):
    write(tmp_path, {})
    (tmp_path / "crs.conf").unlink()
    (tmp_path / "crs.conf").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="the file is larger than 1048576 bytes"):
        load(tmp_path)


def test_the_error_is_one_line_that_counts_the_rest(tmp_path):
    write(tmp_path, {"crs.conf": GOOD["crs.conf"] + "listen-port 0\nrelay-port 0\nsync-port 0\n"})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        "crs.conf:3:13: listen-port: 0 is out of bounds; write a number, 1 to 65535 (and 2 more, see crsd --check)"
    )


@pytest.mark.parametrize("line", ["key {} {}", 'key "{}', "{} {}", "cps h 1 i {} {}", "cps {} 1 i {}", "kye {}"])
def test_no_fault_repeats_a_secret(tmp_path, line):
    secret = "c2VjcmV0LXRoYXQtc2hhbGwtbm90LWJlLXNob3du"
    text = line.replace("cps {}", "cps -").format(secret, secret)
    assert not [fault for fault in faults(tmp_path, crs=GOOD["crs.conf"] + text) if secret in fault]


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


# --- the table and what comes of it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", directives.FILES)
def test_installed_samples_come_from_the_table(file):
    assert (SAMPLES / file).read_text(encoding="utf-8") == directives.sample(file)


def test_installed_notify_script():
    assert (SAMPLES / "notify.sh").read_text(encoding="utf-8") == NOTIFY_SH


def test_samples_uncommented_change_nothing(tmp_path):
    """A line of a sample, with its # taken away, says what holds without it."""
    samples = {}
    for file in directives.FILES:
        text = directives.sample(file)
        for row in directives.of_file(file).values():
            if row.default is not None and not row.repeats:
                text = re.sub(rf"^#({row.name}\b.*)$", r"\1", text, flags=re.MULTILINE)
        samples[file] = text
    changed = load(write(tmp_path, {file: text + GOOD[file] for file, text in samples.items()}))
    assert len(changed.settings) > len(directives.DIRECTIVES) - 12
    plain = load(write(tmp_path, {}))
    for row in directives.DIRECTIVES:
        assert getattr(changed, row.attribute) == getattr(plain, row.attribute), row.name


@pytest.mark.parametrize("row", directives.DIRECTIVES, ids=lambda row: row.name)
def test_every_directive_is_explained(row):
    assert row.obsolete or row.help.endswith(".") and (row.sample or row.default is not None)
