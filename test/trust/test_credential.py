"""Credential files and crypto updates: kept, brought up to date, and refused when any part does not fit."""

import json
import os

import pytest

from crs.errors import OperatorFault
from crs.home import files
from crs.names import Client
from crs.trust import credential, fields, jose, months
from crs.trust.credential import CredentialFault
from test.trust.people import MONTH, NOW, Domain

ACME, BETA = Domain("acme"), Domain("beta")
URI = "+46701234567"
CLIENT = Client(URI, "acme")


def raw(**changed) -> dict:
    return {**json.loads(fields.write(ACME.credential(URI, connected=(BETA,)))), **changed}


def with_keys(**changed) -> dict:
    month = raw()["months"][MONTH]
    return raw(months={MONTH: {**month, **changed}})


def crypto_update(month="202612", client=CLIENT, key=None, keys=None) -> str:
    key = key or ACME.credential(URI).update_key
    return credential.crypto_update(client, key, month, keys or ACME.keys(URI, month))


def test_saved_and_loaded(tmp_path):
    path = tmp_path / "alice.json"
    held = ACME.credential(URI, connected=(BETA,))
    credential.save(path, held)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert credential.load(path) == held
    assert [entry.name for entry in tmp_path.iterdir()] == ["alice.json"]


def test_file_open_to_others_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "alice.json"
    credential.save(path, ACME.credential(URI))
    path.chmod(0o644)
    with pytest.raises(OperatorFault, match="chmod 600"):
        credential.load(path)


def test_missing_or_wrong_file(tmp_path, monkeypatch):
    with pytest.raises(OperatorFault, match="No such file"):
        credential.load(tmp_path / "none.json")
    with pytest.raises(OperatorFault, match="Is a directory"):
        credential.load(tmp_path)
    files.write(tmp_path / "large", b"x" * 101)
    with pytest.raises(OperatorFault, match="larger than 100 bytes"):
        files.read(tmp_path / "large", 100)
    with pytest.raises(OperatorFault, match="cannot write"):
        files.write(tmp_path / "none" / "file", b"")
    files.write(tmp_path / "text", b"no JSON")
    with pytest.raises(CredentialFault, match="text: the credential is wrong"):
        credential.load(tmp_path / "text")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "alice.json"
    files.write(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OperatorFault, match="No space left"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old" and [entry.name for entry in tmp_path.iterdir()] == ["alice.json"]


SWAPPED = {**with_keys()["months"][MONTH]["sign"], "d": with_keys()["months"][MONTH]["enc"]["d"]}


@pytest.mark.parametrize(
    "content, words",
    [
        ([], "Expected `object`"),
        (raw(version=2), "$.version"),
        (raw(uri="+46 70"), "URI"),
        (raw(uri="bob"), "URI"),
        (raw(account="a b"), "$.account"),
        (raw(servers=[]), "$.servers"),
        (raw(servers=[{"host": "h", "port": 70000}]), "$.servers"),
        (raw(update_key="AAAA"), "$.update_key"),
        (raw(months={"2026-11": {}}), "$.months"),
        (raw(colour="red"), "unknown field `colour`"),
        (raw(uri="+46701234568"), "another client"),
        (raw(account="beta"), "account beta"),
        (raw(months={"202612": raw()["months"][MONTH]}), "202612"),
        (with_keys(identity="c.acme.202611"), "identity"),
        (with_keys(key="AAAA"), "key"),
        (with_keys(sign=SWAPPED), "do not belong together"),
        (with_keys(enc=with_keys()["months"][MONTH]["sign"]), "X25519"),
        (with_keys(sign=json.loads(fields.write(ACME.keys("+46701234568").sign))), "other keys"),
        (with_keys(token=ACME.keys("+46701234568").token), "another client"),
        (with_keys(token=ACME.keys(URI, "202612").token), "another month"),
        (with_keys(domain_token=BETA.token), "not that of acme"),
        (with_keys(domain_token=BETA.token.replace("beta", "acme")), "signature"),
        (with_keys(domains={"gamma": BETA.token}), "not that of gamma"),
        (with_keys(domains={"b c": BETA.token}), "domains"),
    ],
)
def test_tampered_credential_is_refused(content, words):
    with pytest.raises(CredentialFault) as caught:
        credential.decode(json.dumps(content).encode())
    assert words in str(caught.value) and str(caught.value).isprintable()


def test_crypto_update_brings_the_next_month():
    held = ACME.credential(URI)
    assert credential.apply_crypto_update(held, crypto_update()) == "202612"
    assert held == ACME.credential(URI, MONTH, "202612")
    assert credential.apply_crypto_update(held, crypto_update()) == "202612"
    assert held == ACME.credential(URI, MONTH, "202612")


def test_newer_crypto_update_of_a_month_replaces_and_an_older_does_not():
    held = ACME.credential(URI)
    newer = ACME.keys(URI, MONTH, NOW + 1, (BETA,))
    credential.apply_crypto_update(held, crypto_update(MONTH, keys=newer))
    assert held.months[MONTH] == newer
    assert credential.apply_crypto_update(held, crypto_update(MONTH)) == MONTH
    assert held.months[MONTH] == newer


def test_the_oldest_months_are_let_go():
    held = ACME.credential(URI, "202606", "202607", "202608", "202609", "202610", MONTH)
    credential.apply_crypto_update(held, crypto_update())
    assert sorted(held.months) == ["202607", "202608", "202609", "202610", MONTH, "202612"]


@pytest.mark.parametrize(
    "text, words",
    [
        (crypto_update(key=bytes(32)), "cannot be decrypted"),
        (crypto_update()[:-8], "is not good"),
        (crypto_update() + "A", "is not good"),
        (crypto_update(client=Client("+46701234568", "acme")), "another client"),
        (crypto_update(month="202701", keys=ACME.keys(URI, "202612")), "202701"),
        (jose.encrypt({"typ": "crs-crypto-update"}, b"{}", ACME.credential(URI).update_key), "missing"),
        (jose.encrypt({"typ": "crs-update"}, b"{}", ACME.credential(URI).update_key), "$.typ"),
        ("", "5 parts"),
    ],
)
def test_refused_crypto_update_changes_nothing(text, words):
    held = ACME.credential(URI)
    with pytest.raises(CredentialFault) as caught:
        credential.apply_crypto_update(held, text)
    assert words in str(caught.value)
    assert held == ACME.credential(URI)


def test_current_month_prefers_this_then_grace_then_next():
    held = ACME.credential(URI, "202610", MONTH, "202612")
    start = months.start(MONTH)
    assert credential.current_month(held, start) == MONTH
    del held.months[MONTH]
    assert credential.current_month(held, start + months.GRACE - 1) == "202610"
    assert credential.current_month(held, start + months.GRACE) == "202612"
    del held.months["202612"]
    with pytest.raises(CredentialFault, match="no keys for 202611"):
        credential.current_month(held, start + months.GRACE)
