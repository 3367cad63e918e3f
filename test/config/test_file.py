"""Files of a configuration that are odd as files, and what a fault says of a line."""

import pytest

from crs.config.file import Reading
from crs.config.settings import ConfigError, load

from .writing import GOOD, write


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


@pytest.mark.parametrize("line", ["key {} {}", 'key "{}', "{} {}", "cps h 1 i {} {}", "cps {} 1 i {}", "kye {}"])
def test_no_fault_repeats_a_secret(tmp_path, line):
    secret = "c2VjcmV0LXRoYXQtc2hhbGwtbm90LWJlLXNob3du"
    text = line.replace("cps {}", "cps -").format(secret, secret)
    write(tmp_path, {"crs.conf": GOOD["crs.conf"] + text})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert not [fault for fault in caught.value.faults if secret in str(fault)]


def test_every_setting_and_fault_has_its_place():
    reading = Reading()
    reading.text("crs.conf", "GLOBAL\n  listen-port 443 # for clients\n\nrelay-port\n")
    assert [(setting.name, setting.value, setting.line, setting.column) for setting in reading.settings] == [
        ("listen-port", 443, 2, 3)
    ]
    assert [str(fault) for fault in reading.faults] == [
        "crs.conf:4:1: relay-port: a value is missing; write relay-port <port>"
    ]
    assert reading.broken == {"relay-port"}


def test_a_file_that_cannot_be_read_breaks_all_its_directives(tmp_path):
    reading = Reading()
    reading.file(tmp_path / "crs-local.conf")
    assert len(reading.faults) == 1 and {"crsname", "attach-workers"} <= reading.broken
