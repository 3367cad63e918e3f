"""TLS-PSK: what is negotiated, what is refused, and what a connection does with a peer that is slow, rude or gone."""

import gc
import importlib.util
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import gevent
import pytest
from gevent import socket
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from crs.net import psk, tls
from test.compiler import can_build
from test.net.peers import IDENTITY, KEY, TIMEOUT, Tap, context, shake, tcp_pair, tls_pair, until

VERSIONS = ["TLSv1.2", "TLSv1.3"]
ROOT = Path(__file__).resolve().parents[2]


def read_exactly(end, size):
    got = b""
    while len(got) < size:
        some = end.recv()
        assert some, f"the stream ended after {len(got)} of {size} bytes"
        got += some
    return got


# --- what is negotiated


def test_the_newest_version_is_chosen():
    server, client = tls_pair()
    assert (server.version, client.version) == ("TLSv1.3", "TLSv1.3")
    assert server.cipher.endswith("_SHA256")


def test_tls_1_2_has_one_suite():
    server, _ = tls_pair(version="TLSv1.2")
    assert (server.version, server.cipher) == ("TLSv1.2", "ECDHE-PSK-CHACHA20-POLY1305")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_server_knows_the_identity(version):
    server, client = shake(*tcp_pair(), version=version)
    assert server.identity == IDENTITY
    assert client.identity == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_each_connection_gets_the_key_of_its_own_identity(version):
    keys = {b"c.one": b"1" * 32, b"a.two": b"2" * 32, b"p.three": b"3" * 32, b"i.four": b"4" * 32}
    server_context = context(keys)
    pairs = [
        gevent.spawn(tls_pair, server=server_context, identity=identity.decode(), key=key, version=version)
        for identity, key in keys.items()
    ]
    assert [pair.get()[0].identity.encode() for pair in pairs] == list(keys)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_ticket_is_sent(version):
    tap = Tap()
    server, client = shake(tap.server, tap.client, version=version)
    server.sendall(b"x", TIMEOUT)
    assert client.recv() == b"x"
    client.close()
    server.close()
    kinds = [kind for kind, _ in tap.records()]
    if version == "TLSv1.3":
        # hello; change cipher spec; then protected: extensions, finished, "x", close_notify
        assert kinds == [22, 20, 23, 23, 23, 23]
    else:
        messages = [payload[0] for kind, payload in tap.records()[: kinds.index(20)] if kind == 22]
        assert messages == [2, 12, 14], "hello, key exchange, done: no new session ticket (4)"


# --- what is refused


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_identity_and_wrong_key_look_the_same(version):
    def ends(**how):
        tap = Tap()
        server, client = shake(tap.server, tap.client, version=version, **how)
        return str(server), str(client), [payload for kind, payload in tap.records() if kind == 21]

    unknown, wrong = ends(identity="c.acme.202611.nobody"), ends(key=b"\0" * 32)
    assert unknown == wrong
    assert unknown[2], "an alert was sent"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("identity", ["x.acme", "c.", "c acme", "c.a b", "", "c." + "x" * 127])
def test_what_is_no_identity_is_not_looked_up(identity, version):
    asked = []
    server, client = tls_pair(server=tls.server_context(asked.append), identity=identity, version=version)
    assert isinstance(server, tls.TlsError) and isinstance(client, tls.TlsError)
    assert asked == []


def test_a_client_without_psk_is_refused():
    left, right = socket.socketpair()
    accepting = gevent.spawn(tls_error_of, tls.accept, context(), left, TIMEOUT)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    right.sendall(outgoing.read())
    assert accepting.get()
    incoming.write(right.recv(65536))
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        session.do_handshake()


def odd_client(version: str, groups: bytes = b"X25519", options: int = 0) -> tls.Context:
    """A client's context as others may have it, without the restrictions of ours."""
    odd = object.__new__(tls.Context)
    odd.ssl_context = SSL.Context(SSL.TLS_METHOD)
    odd.ssl_context.set_max_proto_version(tls._VERSIONS[version])
    odd.ssl_context.set_cipher_list(b"ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:@SECLEVEL=0")
    odd.ssl_context.set_options(options)
    assert lib.SSL_CTX_set1_curves_list(odd.ssl_context._context, groups) == 1
    psk.install_client(odd.ssl_context._context)
    return odd


def test_ecdhe_is_used_even_with_a_client_that_would_do_without(monkeypatch):
    without_ecdhe = 1 << 10  # SSL_OP_ALLOW_NO_DHE_KEX, which pyOpenSSL does not name
    monkeypatch.setitem(tls._client_contexts, "TLSv1.3", odd_client("TLSv1.3", options=without_ecdhe))
    server, _ = tls_pair(version="TLSv1.3")
    assert ffi.string(lib.SSL_get0_group_name(server._ssl)).lower() == b"x25519"


def test_expensive_groups_are_refused(monkeypatch):
    monkeypatch.setitem(tls._client_contexts, "TLSv1.3", odd_client("TLSv1.3", b"P-521:X25519MLKEM768"))
    server, client = tls_pair(version="TLSv1.3")
    assert isinstance(server, tls.TlsError) and isinstance(client, tls.TlsError)


def test_renegotiation_is_refused(monkeypatch):
    monkeypatch.setitem(tls._client_contexts, "TLSv1.2", odd_client("TLSv1.2"))
    server, client = tls_pair(version="TLSv1.2")
    assert lib.SSL_renegotiate(client._ssl) == 1
    reading = gevent.spawn(tls_error_of, server.recv)
    assert tls_error_of(shake_again, client) == "no renegotiation"
    assert reading.get() == "tls alert handshake failure", "the client gave up"


def shake_again(client):
    while client._do_handshake():
        gevent.sleep(0.001)


def test_a_fault_of_the_key_lookup_is_told_apart():
    def broken(_identity):
        raise KeyError("months")

    server, client = tls_pair(server=tls.server_context(broken))
    assert str(server) == "the lookup of a key failed"
    assert isinstance(server.__cause__, KeyError)
    assert isinstance(client, tls.TlsError)


def tls_error_of(call, *args) -> str:
    with pytest.raises(tls.TlsError) as caught:
        call(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    "said, reason",
    [
        (b"", "the peer closed the connection during the handshake"),
        (b"\x16\x03\x01\x00\x05\x01", "the peer closed the connection during the handshake"),
        (b"GET / HTTP/1.1\r\n\r\n", "http request"),
        (b"\x16\x03\x01\xff\xff" + bytes(65535), "length too long"),
        (b"\xff" * 600, "wrong version number|unsupported|record"),
    ],
)
def test_a_peer_that_speaks_something_else(said, reason):
    left, right = socket.socketpair()
    accepting = gevent.spawn(tls_error_of, tls.accept, context(), left, TIMEOUT)
    gevent.spawn(right.sendall, said).join(0.1)
    right.shutdown(socket.SHUT_WR)
    assert re.search(reason, accepting.get())
    assert left.fileno() == -1, "the socket was taken over"
    with gevent.Timeout(TIMEOUT / 1000):
        try:
            while right.recv(65536):
                pass
        except ConnectionResetError:
            pass


def test_a_silent_peer_is_dropped():
    left, right = socket.socketpair()
    assert tls_error_of(tls.accept, context(), left, 50) == "the handshake took longer than 50 ms"
    assert right.recv(1) == b""


def test_a_handshake_fed_drop_by_drop_is_dropped():
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)

    def drip(sock):
        for byte in hello:
            sock.sendall(bytes([byte]))
            gevent.sleep(0.02)

    left, right = socket.socketpair()
    dripping = gevent.spawn(drip, right)
    assert tls_error_of(tls.accept, context(), left, 200) == "the handshake took longer than 200 ms"
    assert not dripping.dead, "the limit holds while bytes still come"
    dripping.kill()


def test_a_silent_server_is_given_up():
    left, right = socket.socketpair()
    assert "took longer" in tls_error_of(tls.connect, left, IDENTITY, KEY, 50)
    assert right.recv(65536), "a hello was sent"


def test_a_killed_handshake_leaves_nothing():
    left, right = socket.socketpair()
    accepting = gevent.spawn(tls.accept, context(), left, TIMEOUT)
    gevent.sleep(0)
    accepting.kill()
    assert right.recv(1) == b""
    assert psk._under_way == {}


def test_two_thousand_handshakes_leave_nothing():
    server_context = context()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for count in range(2000):
        server, client = tls_pair(server=server_context, key=KEY if count % 4 else b"\0" * 32)
        if count % 4:
            client.close()
            server.close()
        else:
            assert isinstance(server, tls.TlsError)
    assert psk._under_way == {}
    assert len(os.listdir("/proc/self/fd")) == before


# --- reading, writing, closing


@pytest.mark.parametrize("version", VERSIONS)
def test_much_data_both_ways_at_once(version):
    server, client = tls_pair(version=version)
    there, back = os.urandom(3_000_000), os.urandom(3_000_000)
    writers = [gevent.spawn(client.sendall, there, TIMEOUT), gevent.spawn(server.sendall, back, TIMEOUT)]
    reader = gevent.spawn(read_exactly, client, len(back))
    assert read_exactly(server, len(there)) == there
    assert reader.get() == back
    gevent.joinall(writers, raise_error=True)


def test_writers_take_turns():
    server, client = tls_pair()
    writers = [gevent.spawn(client.sendall, bytes([letter]) * 500_000, TIMEOUT) for letter in b"abcd"]
    got = read_exactly(server, 2_000_000)
    assert got == b"".join(bytes([letter]) * 500_000 for letter in b"abcd")
    gevent.joinall(writers, raise_error=True)


def test_a_peer_that_does_not_read():
    server, client = tls_pair()
    assert tls_error_of(client.sendall, bytes(10_000_000), 50) == "the peer does not read"
    assert not server.closed


def test_send_some_never_waits_and_keeps_its_place():
    server, client = tls_pair()
    blob = os.urandom(5_000_000)
    sent = client.send_some(blob)
    assert 0 < sent < len(blob)
    assert client.send_some(blob[sent:]) == 0
    rest = gevent.spawn(client.sendall, blob[sent:], TIMEOUT)
    gevent.sleep(0)
    assert client.send_some(b"not now") == 0, "another writer is in the middle of its bytes"
    assert read_exactly(server, len(blob)) == blob
    rest.get()


def test_close_is_heard_and_ends_the_waiting_of_others():
    server, client = tls_pair()
    reader = gevent.spawn(client.recv)
    writer = gevent.spawn(tls_error_of, client.sendall, bytes(10_000_000), TIMEOUT)
    gevent.sleep(0.01)
    client.close()
    client.close()
    assert reader.get(timeout=TIMEOUT / 1000) == b""
    assert writer.get(timeout=TIMEOUT / 1000) == "the connection was closed here"
    assert client.recv() == b""
    assert tls_error_of(client.sendall, b"x", TIMEOUT) == "the connection is closed"
    assert (client.version, client.cipher, client.fileno()) == ("", "", -1)
    while server.recv():
        pass


def test_the_end_of_the_stream():
    server, client = tls_pair()
    client.close()
    assert server.recv() == b""
    server, client = tls_pair()
    client.sock.close()  # without a close_notify
    assert server.recv() == b""


def test_an_abort_resets():
    server, client = shake(*tcp_pair())
    client.abort()
    assert tls_error_of(server.recv) == "connection reset by peer"
    server.close()


def test_garbage_in_the_stream():
    server, client = tls_pair()
    client.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert tls_error_of(server.recv) == "decryption failed or bad record mac"
    server.close()


def test_last_words_are_heard_by_a_peer_that_is_still_talking():
    server, client = shake(*tcp_pair())
    client.sendall(bytes(200_000), TIMEOUT)
    server.sendall(b"enough", TIMEOUT)
    server.linger(TIMEOUT)
    server.close()
    client.sendall(bytes(200_000), TIMEOUT)
    assert client.recv() == b"enough"
    assert client.recv() == b""
    assert not server.closed
    client.close()
    until(lambda: server.closed)


def test_lingering_ends_with_a_peer_that_never_stops():
    server, client = shake(*tcp_pair())
    talking = gevent.spawn(tls_error_of, client.sendall, bytes(500_000_000), 60_000)
    server.linger(100)
    until(lambda: server.closed)
    assert talking.get(timeout=TIMEOUT / 1000)


def test_a_read_with_a_time_limit():
    server, client = tls_pair()
    server.settimeout(0.02)
    assert tls_error_of(server.recv) == "nothing came in time"
    client.sendall(b"late", TIMEOUT)
    assert server.recv() == b"late"


# --- the two kinds of callback

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
