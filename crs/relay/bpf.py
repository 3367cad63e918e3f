"""BPF programs and their maps, through libbpf (it comes with iproute2).

Loading, maps, attaching. All of it needs CAP_BPF and CAP_NET_ADMIN, or root; what the kernel refuses is an OSError.
Everything ends with the process: nothing is pinned.
"""

import ctypes
import mmap
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path

XDP = 37  # bpf_attach_type, <linux/bpf.h>
DRIVER_MODE = 1 << 2  # XDP_FLAGS_DRV_MODE, <linux/if_link.h>: native, or not at all


class _LinkOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("flags", c_uint32), ("unused", c_uint32)]


@cache
def library() -> ctypes.CDLL:
    """libbpf. Raises OSError where it is not installed."""
    found = ctypes.CDLL("libbpf.so.1", use_errno=True)
    for name, result, *arguments in (
        ("libbpf_set_print", c_void_p, c_void_p),
        ("bpf_object__open_file", c_void_p, c_char_p, c_void_p),
        ("bpf_object__load", c_int, c_void_p),
        ("bpf_object__close", None, c_void_p),
        ("bpf_object__find_program_by_name", c_void_p, c_void_p, c_char_p),
        ("bpf_program__fd", c_int, c_void_p),
        ("bpf_object__find_map_by_name", c_void_p, c_void_p, c_char_p),
        ("bpf_map__fd", c_int, c_void_p),
        ("bpf_map_update_elem", c_int, c_int, c_char_p, c_char_p, c_uint64),
        ("bpf_map_lookup_elem", c_int, c_int, c_char_p, c_void_p),
        ("bpf_map_delete_elem", c_int, c_int, c_char_p),
        ("bpf_prog_load", c_int, c_int, c_char_p, c_char_p, c_char_p, c_size_t, c_void_p),
        ("bpf_link_create", c_int, c_int, c_int, c_int, POINTER(_LinkOptions)),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    found.libbpf_set_print(None)  # what it has to say comes as errors
    return found


class Object:
    """A loaded object file. Raises OSError where the kernel or the permissions do not allow it."""

    def __init__(self, file: Path) -> None:
        self._library = library()
        self._object = self._library.bpf_object__open_file(os.fsencode(file), None)
        if not self._object:
            raise _failed(ctypes.get_errno(), f"open {file}")
        try:
            _done(self._library.bpf_object__load(self._object), "load the program")
        except OSError:
            self.close()
            raise

    def program(self, name: str) -> int:
        """The descriptor of a program."""
        found = self._library.bpf_object__find_program_by_name(self._object, name.encode())
        return int(self._library.bpf_program__fd(found))

    def map(self, name: str) -> int:
        """The descriptor of a map."""
        found = self._library.bpf_object__find_map_by_name(self._object, name.encode())
        return int(self._library.bpf_map__fd(found))

    def update(self, fd: int, key: bytes, value: bytes) -> None:
        _done(self._library.bpf_map_update_elem(fd, key, value, 0), "enter into the map")

    def look_up(self, fd: int, key: bytes, size: int) -> bytes | None:
        """The value of a key, so many bytes; None: it is not there."""
        value = ctypes.create_string_buffer(size)
        return value.raw if self._library.bpf_map_lookup_elem(fd, key, value) == 0 else None

    def delete(self, fd: int, key: bytes) -> None:
        _done(self._library.bpf_map_delete_elem(fd, key), "take out of the map")

    def close(self) -> None:
        self._library.bpf_object__close(self._object)


def attach(program: int, device: int, where: int, flags: int) -> int:
    """Have packets of a device (its index) go through a program.

    Returns a descriptor: the program is attached as long as that is open, in any process.
    """
    options = _LinkOptions(ctypes.sizeof(_LinkOptions), flags)
    return _done(library().bpf_link_create(program, device, where, byref(options)), "attach the program")


def mapped(fd: int, size: int) -> mmap.mmap:
    """The memory of an array map with BPF_F_MMAPABLE, shared with the kernel."""
    whole_pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    return mmap.mmap(fd, whole_pages, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def _done(result: int, what: str) -> int:
    if result < 0:
        raise _failed(-result, what)
    return result


def _failed(code: int, what: str) -> OSError:
    return OSError(code, f"cannot {what}: {os.strerror(code)}")
