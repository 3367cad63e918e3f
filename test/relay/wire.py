"""Two network namespaces on the ends of a veth pair, one for a relay with media offload, one for its clients.

No tests here. Needs root, the kernel's permission, and clang: ``why_not`` tells what is missing. Both ends have IPv4
and IPv6, and nothing leads anywhere else. What is opened or started in a namespace stays there.
"""

import ctypes
import fcntl
import os
import secrets
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from crs.relay import bpf, xdp, xdp_build

from .running import RunningRelay

RELAY, CLIENT = "10.99.0.1", "10.99.0.2"
RELAY_6, CLIENT_6 = "fd99::1", "fd99::2"
PASS = bytes.fromhex("b7000000020000009500000000000000")  # r0 = XDP_PASS; exit
MTU = "2000"  # no packet of ours needs fragments
XDP_PROGRAM = 6  # bpf_prog_type, <linux/bpf.h>
SIOCETHTOOL, SET_TX_CHECKSUM, SET_GRO = 0x8946, 0x17, 0x2C  # <linux/ethtool.h>
NEW_NETWORK = 0x40000000  # CLONE_NEWNET, setns(2)
LIBC = ctypes.CDLL(None, use_errno=True)


class Wire:
    """A context manager: then it is gone, whatever is left of its processes."""

    def __enter__(self) -> "Wire":
        name = f"crs-{os.getpid()}-{secrets.token_hex(2)}"
        self.relay, self.client = f"{name}-r", f"{name}-c"
        try:
            for namespace in (self.relay, self.client):
                _ip("netns", "add", namespace)
            end = "mtu", MTU, "numtxqueues", "1", "numrxqueues", "1", "netns"
            _ip("link", "add", "relay", *end, self.relay, "type", "veth", "peer", "name", "client", *end, self.client)
            for namespace, device, ips in (
                (self.relay, "relay", (RELAY, RELAY_6)),
                (self.client, "client", (CLIENT, CLIENT_6)),
            ):
                for ip in ips:
                    _ip(
                        "-n",
                        namespace,
                        "address",
                        "add",
                        f"{ip}/64" if ":" in ip else f"{ip}/24",
                        "dev",
                        device,
                        *(["nodad"] if ":" in ip else []),
                    )
                _ip("-n", namespace, "link", "set", "lo", "up")
                _ip("-n", namespace, "link", "set", device, "up")
            _ip("-n", self.relay, "route", "add", "default", "via", CLIENT)  # what a wildcard looks for
            with self.inside(self.client):  # no card would compute them later
                _ethtool("client", SET_TX_CHECKSUM, 0)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for namespace in (self.relay, self.client):
            subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL)

    @staticmethod
    @contextmanager
    def inside(namespace: str) -> Iterator[None]:
        """What this thread opens or starts meanwhile belongs to that namespace."""
        before, then = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            _enter(then)
            yield
        finally:
            _enter(before)
            os.close(before)
            os.close(then)

    def receive_frames(self) -> int:
        """Have the clients' end take what a program sends from the other end of a veth: only with a program of its own.

        Returns a descriptor; that holds as long as it is open.
        """
        library = bpf.library()
        program = library.bpf_prog_load(XDP_PROGRAM, b"crs_pass", b"Apache-2.0", PASS, len(PASS) // 8, None)
        if program < 0:
            raise OSError(-program, os.strerror(-program))
        with self.inside(self.client):
            link = bpf.attach(program, socket.if_nametoindex("client"), bpf.XDP, bpf.DRIVER_MODE)
        os.close(program)
        return link


@cache
def why_not() -> str:
    """Why no relay can have its media offloaded here; empty: it can."""
    if os.geteuid() != 0:
        return "media offload needs root, or CAP_BPF and CAP_NET_ADMIN"
    if xdp_build.clang() is None:
        return "media offload needs clang"
    source = xdp_build.SOURCE.stat().st_mtime
    built = xdp.PROGRAM.exists() and xdp.PROGRAM.stat().st_mtime >= source
    if not built and (fault := xdp_build.build()):
        raise RuntimeError(fault)
    try:
        with Wire() as wire, wire.inside(wire.relay):
            os.close(wire.receive_frames())
    except (OSError, subprocess.CalledProcessError) as error:
        return f"this kernel, or this machine, allows no namespaces, veth, or XDP: {error}"
    return ""


@contextmanager
def at_clients() -> Iterator[Wire]:
    """A wire; meanwhile this thread is in the namespace of the clients. Skips the test where none can be had."""
    if why_not():
        pytest.skip(why_not())
    with Wire() as wire:
        frames = wire.receive_frames()
        with wire.inside(wire.client):
            yield wire
        os.close(frames)


def offloading(wire: Wire, loop: str) -> Callable[..., RunningRelay]:
    """What makes relays with media offload and the given loop at the relay's end of a wire."""

    def new_relay(ip: str = RELAY, conf: str = "", **given) -> RunningRelay:
        with wire.inside(wire.relay):
            return RunningRelay(
                ip, conf=f"media-offload xdp\n{conf}", loop=loop, prefix=("ip", "netns", "exec", wire.relay), **given
            )

    return new_relay


def take_frames(device: str) -> None:
    """Have an end of a veth poll its queue, as it would with a program."""
    _ethtool(device, SET_GRO, 1)


def _ip(*command: str) -> None:
    subprocess.run(["ip", *command], check=True, capture_output=True)


def _enter(namespace: int) -> None:
    if LIBC.setns(namespace, NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "cannot enter a network namespace")


def _ethtool(device: str, command: int, value: int) -> None:
    setting = ctypes.create_string_buffer(struct.pack("=II", command, value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("16sQ16x", device.encode(), ctypes.addressof(setting)))
