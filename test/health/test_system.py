"""What a health check says of the disk, of other hosts, and where it looks for the port of its own."""

import shutil
import socket
from collections import namedtuple
from types import SimpleNamespace

import pytest

from crs.health.report import HealthDoubt, HealthFault
from crs.health.system import SystemCheck, listening

Usage = namedtuple("Usage", "total used free")


def check(**conf) -> SystemCheck:
    """Of a host with some configuration, and no more."""
    return SystemCheck(SimpleNamespace(conf=SimpleNamespace(**conf), store=None, home=SimpleNamespace(data="/x/data")))


@pytest.mark.parametrize(
    ("listen_address", "ip", "expected"),
    [
        ("0.0.0.0", "192.0.2.1", "127.0.0.1"),
        ("::", "2001:db8::1", "::1"),
        (None, "192.0.2.1", "192.0.2.1"),
        ("192.0.2.2", "192.0.2.1", "192.0.2.2"),
    ],
)
def test_where_a_client_on_this_machine_reaches_the_host(listen_address, ip, expected):
    conf = SimpleNamespace(listen_address=listen_address, ip=ip, listen_port=5223)
    assert listening(conf) == (expected, 5223)


def test_the_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        its = check(listen_address="127.0.0.1", ip="192.0.2.1", listen_port=port)
        with pytest.raises(HealthFault, match=f"nobody answers at 127.0.0.1, port {port}: Connection refused"):
            its._port()
        server.listen()
        assert its._port() == f"connections are taken at 127.0.0.1, port {port}"


@pytest.mark.parametrize(("free", "raised"), [(10, None), (9, HealthDoubt), (2, HealthDoubt), (1, HealthFault)])
def test_the_disk(monkeypatch, free, raised):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 100 - free, free))
    told = f"{free} % of the disk of /x/data is free"
    if raised is None:
        assert check()._disk() == told
    else:
        with pytest.raises(raised, match=told):
            check()._disk()


def test_hosts_that_this_release_does_not_connect():
    assert check(name="crs1", hosts={"crs1": None})._pool() == "this host is alone in its pool"
    with pytest.raises(HealthDoubt, match="not connected in this release: crs2, crs3"):
        check(name="crs1", hosts={"crs3": None, "crs1": None, "crs2": None})._pool()
