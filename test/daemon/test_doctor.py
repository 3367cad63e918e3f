"""What ``crsd --check`` finds in a home and on the machine. Hosts that run: test/cli/test_doctor.py."""

import os
import re
import socket
from base64 import b64encode
from pathlib import Path

import pytest

from crs.config import directives
from crs.config.samples import sample
from crs.config.settings import load
from crs.daemon.doctor import FACT, FAULT, NOTE, check, findings
from crs.home import lock
from crs.home.paths import Home

from ..hosts import free_port


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    settings = {
        "key": b64encode(os.urandom(32)).decode(),
        "host": "crs1",
        "ip": "crs1 127.0.0.1",
        "crsname": "crs1",
        "listen-port": str(free_port()),
        "relay-port": str(free_port(socket.SOCK_DGRAM)),
    }
    home.create({file: sample(file, settings) for file in directives.FILES})
    return home


def append(file: Path, text: str) -> None:
    with file.open("a") as stream:
        stream.write(text)


def test_a_fresh_home_is_good(home):
    said, good = check(home)
    assert good
    assert said[-1] == f"{home}: no faults"
    assert any(re.fullmatch(r"redis: /.*(redis|valkey)-server \d+\.\d+\.\d+", line) for line in said)
    assert any(re.fullmatch(r"TLS callbacks: (extern|closure)", line) for line in said)
    later = next(line for line in said if line.startswith("directives not yet effective in this release: "))
    named = set(later.partition(": ")[2].split(", "))
    assert {"features", "cps", "addr-map", "db-backup"} <= named and "listen-port" not in named


def test_all_faults_are_listed(home):
    append(home.conf, "listen-prt 1\n")
    append(home.relay_conf, "MAX_RTP_RELAYS=x\n")
    said, good = check(home)
    assert not good
    count = len(home.conf.read_text().splitlines())
    assert said == [
        f"crs.conf:{count}:1: listen-prt is not a directive; did you mean listen-port?",
        f"crs-relay.conf:{len(home.relay_conf.read_text().splitlines())}:16: MAX_RTP_RELAYS: x is not a whole number; "
        "write a number, 0 to 1000000",
        f"{home}: 2 faults",
    ]


def test_what_is_obsolete_or_not_yet_effective_is_told(home):
    append(home.conf, "app attach\nGLOBAL\nfeatures\n")
    said = "\n".join(check(home)[0])
    assert "app is ignored since 4.11.0; remove the line" in said
    assert "note: crs.conf:" in said and "features is not yet effective" in said


def test_secrets_that_everyone_can_read_are_told(home):
    home.conf.chmod(0o644)  # as the manual's restore leaves it
    said, good = check(home)
    assert good and any(line.endswith(f"there are secrets in it; chmod o-r {home.conf}") for line in said)


def test_what_the_machine_does_not_offer(home):
    port = load(home).listen_port
    append(home.local_conf, "listen-address 192.0.2.77\nredis-server /bin/true\n")
    said = "\n".join(check(home)[0])
    assert (
        f"192.0.2.77:{port}/tcp is not at an address of this machine; correct the ip line in crs.conf, "
        "or write listen-address to crs-local.conf" in said
    )
    assert "/bin/true is no redis-server or valkey-server of 6.2 or later" in said
    assert said.endswith(f"{home}: 3 faults")


def test_a_port_in_use_is_a_fault_unless_by_this_host(home):
    port = load(home).listen_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        told = f"127.0.0.1:{port}/tcp is used by another program; "
        assert [text.startswith(told) for kind, text in findings(home) if kind == FAULT] == [True]
        held = lock.take(home, print)
        assert not any(text.startswith(told) for _, text in findings(home))
        os.close(held)


def test_a_weak_secret_is_told_and_not_shown(home):
    home.conf.write_text(re.sub("^key .*$", "key hunter2", home.conf.read_text(), flags=re.MULTILINE))
    (home.accounts / "acme").mkdir()
    (home.accounts / "acme" / "account.conf").write_text("shared-secret hunter3\n")
    told = [text for kind, text in findings(home) if kind == NOTE and "bits" in text]
    assert [text.partition(" has less than ")[0] for text in told] == [
        "crs.conf: key",
        "account acme: its shared secret",
    ]
    assert not any("hunter" in text for _, text in findings(home))


def test_findings_come_by_kind(home):
    kinds = [kind for kind, _ in findings(home)]
    assert kinds == sorted(kinds, key=[FAULT, NOTE, FACT].index) and FACT in kinds


def test_an_edit_since_the_start_is_told(home):
    home.started_with.mkdir()
    for file in directives.FILES:
        (home.started_with / file).write_text((home.root / file).read_text())
    held = lock.take(home, print)
    append(home.relay_conf, "# edited\n")
    said = [text for _, text in findings(home) if "restart the host" in text and "changed" in text]
    os.close(held)
    assert said == ["crs-relay.conf was changed since the host was started; restart the host to have it effective"]
