"""Which device has an address."""

import socket

import pytest

from crs.relay import devices

from .running import ipv6_here


def test_the_loopback_device_is_found_by_its_address():
    assert devices.of("127.0.0.1") in [name for _, name in socket.if_nameindex()]
    assert not ipv6_here() or devices.of("::1") == devices.of("127.0.0.1")


def test_nobody_has_an_address_of_the_documentation():
    with pytest.raises(OSError, match="no device has the address 192.0.2.77"):
        devices.of("192.0.2.77")


@pytest.mark.parametrize("wildcard, tried", [("0.0.0.0", ["192.0.2.1"]), ("::", ["192.0.2.1", "2001:db8::1"])])
def test_a_wildcard_means_the_device_that_leads_outside(monkeypatch, wildcard, tried):
    asked = []
    monkeypatch.setattr(devices, "_source", asked.append)  # no route leads anywhere
    with pytest.raises(OSError, match="no route leads outside"):
        devices.of(wildcard)
    assert asked == tried
    monkeypatch.setattr(devices, "_source", {tried[-1]: "127.0.0.1"}.get)
    assert devices.of(wildcard) == devices.of("127.0.0.1")
