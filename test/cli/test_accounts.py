"""Accounts: created, listed, shown, deleted."""

import io
import stat
import sys

import pytest

from crs.cli.output import Line
from crs.errors import OperatorFault
from crs.home.accountfiles import AccountFiles
from crs.names import Client
from crs.store.operator import STATISTICS
from test.trust.updates.make import NOW

ALICE = Client("+46701234567", "acme")
SECRET = "AAECAwQFBgcICQoLDA0ODw=="  # the bytes 0 to 15


@pytest.fixture
def standard_input(monkeypatch):
    """Give it what is typed, and whether that is a person at a terminal."""

    def give(text: str, terminal: bool = False):
        typed = io.StringIO(text)
        typed.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stdin", typed)

    return give


def test_create_account_makes_record_file_and_secret(operator, store, home):
    table = operator("create account acme")
    assert table.columns == ("ID", "path", "shared secret")
    assert table.rows == [("acme", str(home.accounts / "acme"), SECRET)]
    assert store.accounts.get("acme").secret == SECRET
    assert store.accounts.get("acme").created == NOW
    files = AccountFiles(home.accounts, "acme")
    assert files.secret() == SECRET
    assert stat.S_IMODE(files.conf.stat().st_mode) == 0o600


def test_list_account(operator, home):
    operator("create account beta")
    operator("create account acme -s 'a secret with spaces inside'")
    table = operator("list account")
    assert table.columns == ("ID", "path", "shared secret")
    assert table.rows == [
        ("acme", str(home.accounts / "acme"), "a secret with spaces inside"),
        ("beta", str(home.accounts / "beta"), SECRET),
    ]


@pytest.mark.parametrize(("option", "length"), [("", 24), ("-B32", 44), ("-b 256", 44), ("-b 129", 24), ("-B 18", 24)])
def test_lengths_of_generated_secrets(operator, option, length):
    assert len(operator(f"create sharedSecret {option}").text) == length
    assert len(operator(f"create account acme {option}").rows[0][2]) == length


def test_create_shared_secret_needs_no_host(tmp_path):
    from test.cli.conftest import CommandLineUser

    assert CommandLineUser(tmp_path)("create sharedSecret") == Line(SECRET, {"shared_secret": SECRET})


def test_a_secret_on_standard_input(operator, store, standard_input):
    standard_input("c2VjcmV0IG9mIDEyOCBiaXRz\r\nnot this\n")
    operator("create account acme -s -")
    assert store.accounts.get("acme").secret == "c2VjcmV0IG9mIDEyOCBiaXRz"


def test_a_short_secret_is_taken_with_a_warning(operator, store, capsys):
    operator("create account acme -s short")
    assert capsys.readouterr().err == (
        "crs-cli: warning: the shared secret has less than 128 bits; crs-cli create sharedSecret makes a good one\n"
    )
    assert store.accounts.get("acme").secret == "short"


@pytest.mark.parametrize("secret", ["''", "' x'", "'x '", "'x\ny'", "'x\ty'", "x" * 2049])
def test_a_secret_that_cannot_be_right_is_refused(operator, store, home, secret):
    with pytest.raises(OperatorFault, match="the shared secret is not valid: 1 to 2048 printable characters"):
        operator(f"create account acme -s {secret}")
    assert store.accounts.all() == {} and not (home.accounts / "acme").exists()


def test_an_account_is_created_once(operator, store):
    operator("create account acme -s 'the secret that was first'")
    with pytest.raises(OperatorFault, match="account acme exists already"):
        operator("create account acme")
    assert store.accounts.get("acme").secret == "the secret that was first"


def test_show_account_lists_what_each_worker_has_loaded(operator, store):
    store.directory.announce("attach:1", 4712, 3, NOW, ["acme"])
    store.directory.announce("attach:0", 4711, 0, NOW, ["acme", "beta"])
    table = operator("show account")
    assert table.columns == ("SERVER", "MODULE", "PID", "LOADED ACCOUNTS")
    assert table.rows == [("crs1", "app:attach", 4711, ["acme", "beta"]), ("crs1", "app:attach", 4712, ["acme"])]


# --- delete ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def lived_in(operator, store, home):
    """acme with an update and a client that has left things, beside an account that stays."""
    operator("create account acme -s 'the secret of acme, long'")
    operator("create account acme-2")
    for client in (ALICE, Client(ALICE.uri, "acme-2")):
        store.objects.put_token(client, "token", NOW)
        store.objects.observe(client)
        store.mailbox.posted(client)


def test_delete_account_leaves_nothing_of_it(operator, store, home, lived_in):
    assert operator("delete account acme --yes").fields == {"account": "acme", "clients": 1}
    assert list(store.accounts.all()) == ["acme-2"]
    assert not (home.accounts / "acme").exists()
    assert store.objects.token(ALICE) is None and store.objects.observed([ALICE]) == [False]


def test_delete_account_leaves_other_accounts_alone(operator, store, home, lived_in):
    operator("delete account acme --yes")
    other = Client(ALICE.uri, "acme-2")
    assert store.objects.token(other).value == "token" and store.objects.observed([other]) == [True]
    assert (home.accounts / "acme-2").is_dir()


def test_what_was_deleted_half_way_is_deleted_when_asked_again(operator, store, home, lived_in):
    store.accounts.delete("acme", NOW)
    operator("delete account acme --yes")
    assert not (home.accounts / "acme").exists() and store.objects.token(ALICE) is None


def test_deleting_an_unknown_account(operator, lived_in):
    with pytest.raises(OperatorFault, match="there is no account other; crs-cli list account shows which there are"):
        operator("delete account other --yes")


def test_a_deleted_account_can_be_created_again(operator, store, lived_in):
    operator("delete account acme --yes")
    operator("create account acme")
    assert store.accounts.get("acme").secret == SECRET


@pytest.mark.parametrize(
    ("answer", "terminal", "told"),
    [
        ("y\n", False, "account acme was not deleted: there is no terminal to ask on; add --yes"),
        ("n\n", True, "account acme was not deleted: not confirmed"),
        ("\n", True, "account acme was not deleted: not confirmed"),
        ("", True, "account acme was not deleted: not confirmed"),
    ],
)
def test_delete_account_without_a_yes_changes_nothing(
    operator, store, home, lived_in, standard_input, answer, terminal, told
):
    standard_input(answer, terminal)
    with pytest.raises(OperatorFault) as caught:
        operator("delete account acme")
    assert str(caught.value) == told
    assert store.accounts.get("acme") and (home.accounts / "acme").is_dir()
    assert store.objects.token(ALICE) is not None


def test_delete_account_with_a_yes_on_the_terminal(operator, store, lived_in, standard_input):
    standard_input("yes\n", terminal=True)
    operator("delete account acme")
    assert store.accounts.get("acme") is None


def test_a_deleted_account_takes_its_objects_along(operator, store, seen):
    operator("blacklist add acme +46701111111")
    operator("create conference-room 123456 acme +46701111111")
    operator("create admin ann")
    operator("add admin-account ann acme")
    operator("stats enable acme")
    operator("delete account acme --yes")
    operator("create account acme")
    assert operator("show blacklist acme").rows == operator("list conference-room").rows == []
    assert operator("show admin-accounts ann").rows == [] and store.operator.switched_on(STATISTICS) == set()
