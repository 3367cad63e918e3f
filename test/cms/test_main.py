"""crs-cms as a person types it: what it writes, prints, and how it refuses."""

import io
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crs.cms import state
from crs.cms.main import ACTIONS, main
from crs.trust import credential, months, update

BIN = Path(__file__).parents[2] / "bin" / "crs-cms"
SECRET = "a secret with spaces"


@pytest.fixture
def home(tmp_path, monkeypatch, capsys):
    """The home of a CMS with one client, named by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRS_CMS_HOME", "cms")
    Path("secret").write_text(SECRET + "\n")
    assert main(["init", "cms", "--account", "acme", "--secret", "secret"]) == 0
    assert main(["add-client", "+46701234567"]) == 0
    capsys.readouterr()
    return tmp_path / "cms"


def refused(capsys, *argv: str) -> str:
    assert main(list(argv)) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("crs-cms: ") and err.count("\n") == 1
    return err


def test_update_and_credential_are_private_and_load(home, capsys):
    assert main(["update", "--out", "month.upd"]) == 0
    servers = ["--server", "crs.example.org", "--server", "[::1]:99"]
    assert main(["credential", "+46701234567", *servers, "--out", "a.json"]) == 0
    held = credential.load("a.json")
    found = update.unprotect(Path("month.upd").read_bytes(), {"acme": SECRET}.get, int(time.time() * 1000))
    assert found.clients.keys() == {held.uri} and list(held.months)[0] == found.month
    assert [(server.host, server.port) for server in held.servers] == [("crs.example.org", 5223), ("::1", 99)]
    for path in ("month.upd", "a.json", home / "cms.json", home / "lock"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(home).st_mode) == 0o700
    out = capsys.readouterr().out
    assert "1 clients" in out and held.months[found.month].identity not in out


def test_next_month(home):
    month = months.after(months.of(int(time.time() * 1000)))
    assert main(["update", "--month", month, "--out", "next.upd"]) == 0
    assert update.unprotect(Path("next.upd").read_bytes(), {"acme": SECRET}.get, int(time.time() * 1000)).month == month


def test_secret_from_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\ufeffhemlig å\r\nignored\n".encode())))
    assert main(["init", str(tmp_path / "new" / "cms"), "--account", "acme", "--secret", "-"]) == 0
    with state.opened(tmp_path / "new" / "cms") as cms:
        assert cms.secret == "hemlig å"


def test_show_tells_all_but_keys(home, capsys, monkeypatch):
    with state.opened(home) as cms:
        secrets = [SECRET, cms.domain_key.d]
    main(["update", "--out", "month.upd"])
    capsys.readouterr()
    assert main(["show"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("account\tacme\nmonth\t") and out.endswith("client\t+46701234567\n")
    assert not any(secret in out for secret in secrets)


def test_connect_by_domain_token_file(home, capsys, tmp_path):
    assert main(["init", "other", "--account", "beta", "--secret", "secret"]) == 0
    capsys.readouterr()
    assert main(["domain-token", "--home", "other"]) == 0
    Path("beta.token").write_text(capsys.readouterr().out)
    assert main(["connect", "beta", "beta.token"]) == 0
    assert main(["disconnect", "beta"]) == 0
    capsys.readouterr()
    assert "kid" in refused(capsys, "connect", "gamma", "beta.token")
    assert "not connected" in refused(capsys, "disconnect", "beta")


def test_several_clients_or_none(home, capsys):
    assert "already" in refused(capsys, "add-client", "+46701234568", "+46701234567")
    with state.opened(home) as cms:
        assert list(cms.clients) == ["+46701234567"]


def test_mistakes_in_arguments(home, capsys, monkeypatch):
    assert "not empty" in refused(capsys, "init", "cms", "--account", "acme", "--secret", "secret")
    assert "No such file" in refused(capsys, "init", "new", "--account", "acme", "--secret", "none")
    assert "cannot make" in refused(capsys, "init", "secret/x", "--account", "acme", "--secret", "secret")
    assert "cannot write" in refused(capsys, "update", "--out", "none/month.upd")
    assert "over" in refused(capsys, "update", "--month", "202001", "--out", "x.upd")
    assert "not the home" in refused(capsys, "show", "--home", "nowhere")
    Path("binary").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused(capsys, "connect", "beta", "binary")
    Path("empty").write_bytes(b"")
    assert "empty" in refused(capsys, "init", "new", "--account", "acme", "--secret", "empty")
    monkeypatch.delenv("CRS_CMS_HOME")
    assert "CRS_CMS_HOME" in refused(capsys, "show")
    assert not Path("x.upd").exists() and not Path("new").exists()


@pytest.mark.parametrize(
    "argv", [[], ["frob"], ["update"], ["add-client"], ["init", "x"], ["update", "--out", "x", "--secret", "y"]]
)
def test_wrong_usage(argv, capsys):
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and "Usage:" in err


def test_two_commands_at_once_lose_nothing(home):
    numbers = [f"+4670000000{digit}" for digit in range(6)]
    commands = [[sys.executable, BIN, "add-client", number] for number in numbers]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [process.wait(60) for process in running] == [0] * 6
    with state.opened(home) as cms:
        assert sorted(cms.clients) == sorted([*numbers, "+46701234567"])


def test_every_action_is_in_the_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert not caught.value.code
    text = capsys.readouterr().out
    assert all(f"  {action}" in text for action in ACTIONS)
