"""Which network device has an address of this host (getifaddrs(3))."""

import ctypes
import socket
from ctypes import POINTER, Structure, c_char_p, c_uint, c_ushort, c_void_p

ADDRESSES: dict[int, slice] = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}  # in a sockaddr
OUTSIDE = {"0.0.0.0": ["192.0.2.1"], "::": ["192.0.2.1", "2001:db8::1"]}  # nobody's: RFC 5737, RFC 3849


class _Entry(Structure):
    pass


_Entry._fields_ = [("next", POINTER(_Entry)), ("name", c_char_p), ("flags", c_uint), ("address", c_void_p)]


def of(ip: str) -> str:
    """The name of the device that has the address; of a wildcard, the one that leads outside. Raises OSError."""
    for own in map(_source, OUTSIDE[ip]) if ip in OUTSIDE else [ip]:
        found = own and _all().get(own)
        if found:
            return found
    raise OSError(f"no device has the address {ip}" if ip not in OUTSIDE else "no route leads outside")


def _source(destination: str) -> str | None:
    """The own address from which packets would go there. Nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in destination else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((destination, 9))
        except OSError:
            return None
        return str(sock.getsockname()[0])


def _all() -> dict[str, str]:
    """Addresses of this host, with their devices."""
    library, first, found = ctypes.CDLL(None, use_errno=True), POINTER(_Entry)(), {}
    library.freeifaddrs.argtypes, library.freeifaddrs.restype = [POINTER(_Entry)], None
    if library.getifaddrs(ctypes.byref(first)):
        raise OSError(ctypes.get_errno(), "cannot list the devices")
    pointer = first
    while pointer:
        entry = pointer.contents
        family = c_ushort.from_address(entry.address).value if entry.address else socket.AF_UNSPEC
        part = ADDRESSES.get(family)
        if part is not None:
            packed = ctypes.string_at(entry.address + part.start, part.stop - part.start)
            found[socket.inet_ntop(family, packed)] = entry.name.decode()
        pointer = entry.next
    library.freeifaddrs(first)
    return found
