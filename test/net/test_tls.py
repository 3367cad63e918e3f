"""TLS-PSK: what is negotiated, what is refused, and handshakes with a peer that is slow, rude or gone."""

import gc
import os
import re
import ssl

import gevent
import pytest
from gevent import socket
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from crs.net import psk, tls
from test.net.peers import (
    IDENTITY,
    KEY,
    TIMEOUT,
    VERSIONS,
    Tap,
    context,
    shake,
    tcp_pair,
    tls_error_of,
    tls_pair,
)

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
