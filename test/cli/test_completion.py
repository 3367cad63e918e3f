"""Completion: words, options, and names out of the store; in bash, too."""

import os
import shutil
import sys
from pathlib import Path

import pexpect
import pytest

from crs.cli.actions import ACTIONS
from crs.cli.completion import FILE, complete
from crs.names import Client
from crs.store.directory import Entry
from test.trust.updates.make import NOW

ROOT = Path(__file__).parents[2]
ALICE, DESK = Client("+46701111111", "acme"), Client("urn:x-crs:client:desk", "acme")


@pytest.fixture
def named(operator, store, accounts, home, monkeypatch):
    """A host with something of every kind."""
    monkeypatch.setenv("CRS_HOME", str(home))
    for client in (ALICE, DESK, Client("+46702222222", "beta")):
        store.objects.observe(client)
    store.directory.register(ALICE, Entry("p", "primary", "attach:0", "c", NOW, "5", "192.0.2.1", 1, "crs1"), NOW)
    store.operator.block(ALICE, NOW)
    store.operator.put_admin("ann", "secret", NOW)
    store.operator.put_peer("192.0.2.7", "secret", "", NOW)
    store.operator.put_room("123456", DESK, NOW)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("crs-cli show at", ["attach"]),
        ("crs-cli show admin", ["admin", "admin-accounts", "admins"]),
        ("crs-cli blacklist ", ["add", "remove"]),
        ("crs-cli upd", ["update-notification"]),
        ("bin/crs-cli --json sh", ["show"]),
        ("crs-cli --home /x trace se", ["session"]),
        ("crs-cli show attach ", []),
        ("crs-cli show attach --j", ["--json"]),
        ("crs-cli show attach --json --", ["--help", "--home"]),
        ("crs-cli create account -", ["--help", "--home", "--json", "-B", "-b", "-h", "-s"]),
        ("crs-cli -", ["--help", "--home", "--version"]),
        ("crs-cli nothing-known ", []),
        ("crs-cli 'not closed", []),
        ("crs-cli apply /tm", [FILE]),
        ("crs-cli apply ", [FILE]),
        ("crs-cli --home ", [FILE]),
    ],
)
def test_words_and_options(line, found):
    assert complete(line) == found


def test_the_first_word():
    assert complete("crs-cli ") == sorted({name.split()[0] for name in ACTIONS})


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("crs-cli delete account ", ["acme", "beta"]),
        ("crs-cli delete account b", ["beta"]),
        ("crs-cli create account ", []),
        ("crs-cli trace session --account ac", ["acme"]),
        ("crs-cli purge client acme ", ["+46701111111", "urn:x-crs:client:desk"]),
        ("crs-cli purge client acme +4670111", ["+46701111111"]),
        ("crs-cli purge client acme urn:x-crs:cl", ["client:desk"]),  # bash replaces from behind the colon
        ("crs-cli purge client nobody ", []),
        ("crs-cli check slot ", ["+46701111111"]),
        ("crs-cli blacklist remove acme ", ["+46701111111"]),
        ("crs-cli show admin ", ["ann"]),
        ("crs-cli create admin ", []),
        ("crs-cli add admin-account ann ", ["acme", "beta"]),
        ("crs-cli add admin-account-authorization ann acme ", ["statistics", "update"]),
        ("crs-cli delete iw-crs ", ["192.0.2.7"]),
        ("crs-cli add iw-crs ", []),
        ("crs-cli delete conference-room ", ["123456"]),
        ("crs-cli delete conference-room 123456 acme ", ["urn:x-crs:client:desk"]),
        ("crs-cli create conference-room ", []),
    ],
)
def test_names_that_the_host_knows(named, line, found):
    assert complete(line) == found


def test_a_host_that_is_down_completes_words_alone(home, monkeypatch):
    monkeypatch.setenv("CRS_HOME", str(home))
    home.redis_low_sock.unlink()
    assert complete("crs-cli delete account ") == [] and complete("crs-cli delete acc") == ["account"]
    monkeypatch.setenv("CRS_HOME", str(home.root / "none"))
    assert complete("crs-cli delete account ") == []


def test_bash_completes_with_the_tabulator(named, home, tmp_path):
    crs_cli = tmp_path / "crs-cli"
    crs_cli.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/bin/crs-cli" "$@"\n')
    crs_cli.chmod(0o755)
    (tmp_path / "protected-update-file").touch()
    shell = pexpect.spawn(
        shutil.which("bash"),
        ["--norc", "--noprofile", "-i"],
        encoding="utf-8",
        timeout=20,
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CRS_HOME": str(home),
            "PS1": "> ",
            "TERM": "dumb",
        },
    )
    shell.sendline(f"bind 'set enable-bracketed-paste off'; source {ROOT}/etc/crs/crs-cli.bash; echo rea''dy")
    shell.expect_exact("ready\r\n")
    for typed, completed in (
        ("crs-cli purge client acm\t", "e "),
        ("+4670\t", "1111111 "),
        ("\x15crs-cli purge client acme urn:x-crs:client:d\t", "esk "),
        ("\x15crs-cli apply prot\t", "ected-update-file "),
    ):
        shell.send(typed)
        shell.expect_exact(typed.strip("\t\x15") + completed)
    shell.close(force=True)
