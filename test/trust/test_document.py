"""doc/update-file.md is true: its program, its vector, its domain token, and a sealed body opened by its words alone.

Where this file needs ciphers it uses `cryptography` and nothing of `crs.trust.jose`, as an outsider would.
"""

import base64
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from crs.trust import credential, e2e, identity, months, tokens, update
from test.trust.people import NOW, Domain, token_of
from test.trust.test_identity import VECTOR

TEXT = (Path(__file__).parents[2] / "doc" / "update-file.md").read_text("utf-8")
SECRET = "a secret agreed upon"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The directory in which the document's program has run."""
    directory = tmp_path_factory.mktemp("outsider")
    program = directory / "cms.py"
    program.write_text(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1])
    subprocess.run([sys.executable, "-I", program, SECRET, "127.0.0.1:5223"], cwd=directory, check=True, timeout=60)
    return directory


def test_update_of_the_program_loads(written):
    data = (written / "acme.upd").read_bytes()
    found = update.unprotect(data, {"acme": SECRET}.get, int(time.time() * 1000))
    assert (found.account, list(found.clients)) == ("acme", ["+46701234567"])
    with pytest.raises(update.WrongSecret):
        update.unprotect(data, {"acme": SECRET + "!"}.get, int(time.time() * 1000))


def test_credential_of_the_program_fits_the_update(written):
    held = credential.load(written / "alice.json")
    found = update.decode(
        update.encode(
            update.unprotect((written / "acme.upd").read_bytes(), {"acme": SECRET}.get, int(time.time() * 1000))
        )
    )
    keys = credential.for_month(held, found.month)
    assert identity.open_uri(found.month_key, identity.parse_identity(keys.identity)) == held.uri
    assert identity.psk(found.month_key, keys.identity) == keys.key
    assert credential.apply_crypto_update(held, found.clients[held.uri]) == found.month
    assert (
        tokens.verify(keys.token, found.domain_token, held.client, found.created).exp
        == (months.end(found.month) + months.GRACE) // 1000
    )


def test_client_of_the_program_seals_and_opens(written):
    held = credential.load(written / "alice.json")
    now = int(time.time() * 1000)
    month = credential.current_month(held, now)
    text = e2e.seal(b"note to self", held, token_of(held, month), "content", "m1", now)
    assert e2e.open_sealed(text, held, held.client, "content", "m1", now)[0] == b"note to self"


def test_vector_and_domain_token_of_the_document():
    assert f"identity  {VECTOR}\n" in TEXT
    assert f"key       {identity.psk(bytes(range(32)), VECTOR).hex()}\n" in TEXT
    token = re.search(r"```\n(\{.*\"kid\":\"acme\".*\})\n```", TEXT)[1]
    assert tokens.domain_key(token, "acme").kid == "acme"


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened_by_hand(text: str, private: str) -> str:
    """A JWE ECDH-ES+A256KW / A256GCM opened step by step: RFC 7518 section 4.6, RFC 3394, RFC 7516 section 5.2."""
    head, wrapped, iv, sealed, tag = text.split(".")
    epk = X25519PublicKey.from_public_bytes(unb64(json.loads(unb64(head))["epk"]["x"]))
    agreed = X25519PrivateKey.from_private_bytes(unb64(private)).exchange(epk)
    alg = b"ECDH-ES+A256KW"
    other = len(alg).to_bytes(4, "big") + alg + bytes(4) + bytes(4) + (256).to_bytes(4, "big")
    key = aes_key_unwrap(ConcatKDFHash(hashes.SHA256(), 32, other).derive(agreed), unb64(wrapped))
    return AESGCM(key).decrypt(unb64(iv), unb64(sealed) + unb64(tag), head.encode()).decode()


def verified_by_hand(text: str, public: str) -> dict:
    content, _, signature = text.rpartition(".")
    Ed25519PublicKey.from_public_bytes(unb64(public)).verify(unb64(signature), content.encode())
    return json.loads(unb64(content.split(".")[1]))


def test_sealed_body_is_what_the_document_says():
    acme = Domain("acme")
    alice, bob = acme.credential("+46701234567"), acme.credential("+46701234568")
    month = next(iter(bob.months))
    text = e2e.seal(b"hello", alice, token_of(bob), "content", "m1", NOW)
    assert json.loads(unb64(text.split(".")[0])).keys() == {"alg", "enc", "epk", "typ", "kid"}
    signed = opened_by_hand(text, bob.months[month].enc.d)
    head = json.loads(unb64(signed.split(".")[0]))
    assert {**head, "token": None} == {"alg": "Ed25519", "typ": "crs-signed", "token": None}
    token = verified_by_hand(head["token"], json.loads(acme.token)["x"])
    assert token.keys() == {"sub", "month", "exp", "sig", "enc"}
    assert verified_by_hand(signed, token["sig"]["x"]) == {
        "from": "+46701234567@acme",
        "to": "+46701234568@acme",
        "kind": "content",
        "id": "m1",
        "time": NOW,
        "body": base64.urlsafe_b64encode(b"hello").decode().rstrip("="),
    }
    with pytest.raises(InvalidSignature):
        verified_by_hand(signed, json.loads(acme.token)["x"])
