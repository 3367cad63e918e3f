"""The callbacks of OpenSSL: both kinds serve, and which key they answer with."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from OpenSSL._util import ffi

from crs.net import psk
from test.compiler import can_build
from test.net.peers import IDENTITY, KEY

ROOT = Path(__file__).resolve().parents[2]

HANDSHAKE = """
import sys
{before}
from crs.net import tls
from test.net.peers import tls_pair
for version in ("TLSv1.2", "TLSv1.3"):
    server, client = tls_pair(version=version)
    print(tls.CALLBACKS, server.identity, isinstance(tls_pair(identity="c.none", version=version)[0], tls.TlsError))
"""


def run_handshake(before):
    script = HANDSHAKE.format(before=before)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_closures_serve_where_the_module_is_not_built():
    assert run_handshake("sys.modules['crs.net._psk'] = None") == [f"closure {IDENTITY} True"] * 2


def test_the_built_module_serves(tmp_path):
    build = "import sys; from crs.net.psk_build import ffibuilder; ffibuilder.compile(tmpdir=sys.argv[1])"
    built = subprocess.run(
        [sys.executable, "-c", build, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (built.returncode == 0) == can_build(), built.stderr
    before = f"import crs.net; crs.net.__path__.insert(0, {str(tmp_path / 'crs' / 'net')!r})"
    kind = "extern" if can_build() or importlib.util.find_spec("crs.net._psk") else "closure"
    assert run_handshake(before) == [f"{kind} {IDENTITY} True"] * 2


# --- what is answered


def test_a_known_identity_gets_its_key_and_is_noted():
    handshake = psk.Handshake(ffi.NULL, find_key={IDENTITY.encode(): KEY}.get)
    assert handshake.key_for(IDENTITY.encode()) == KEY
    assert handshake.identity == IDENTITY.encode()


def test_an_unknown_identity_gets_another_random_key_each_time():
    handshake = psk.Handshake(ffi.NULL, find_key={}.get)
    keys = {handshake.key_for(b"c.acme.202611.nobody") for _ in range(3)}
    assert len(keys) == 3 and {len(key) for key in keys} == {psk.KEY_SIZE}


@pytest.mark.parametrize("identity", [b"", b"x.acme", b"c.", b"c.with space", b"c." + b"x" * 127, b"c.\xff"])
def test_what_is_no_identity_gets_no_key_and_no_lookup(identity):
    asked = []
    assert psk.Handshake(ffi.NULL, find_key=asked.append).key_for(identity) == b""
    assert not asked


def test_a_lookup_that_fails_is_kept_for_after_the_handshake():
    def find_key(identity):
        raise OSError("the store is gone")

    handshake = psk.Handshake(ffi.NULL, find_key=find_key)
    assert handshake.key_for(IDENTITY.encode()) == b""
    assert str(handshake.fault) == "the store is gone" and handshake.identity == b""
