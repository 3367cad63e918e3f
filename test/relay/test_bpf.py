"""BPF's system calls through libbpf, as far as that can be had here; test_xdp loads a program with them."""

import pytest

from crs.relay import bpf


def loads() -> bool:
    try:
        bpf.library()
    except OSError:
        return False
    return True


def test_what_is_no_object_file_is_an_os_error(tmp_path):
    """Where libbpf is missing that is an OSError, too."""
    file = tmp_path / "none.o"
    file.write_bytes(b"not ELF")
    with pytest.raises(OSError, match="cannot open" if loads() else "libbpf"):
        bpf.Object(file)


def test_a_refusal_of_the_kernel_has_its_number_and_says_what_failed():
    assert bpf._done(7, "load the program") == 7
    with pytest.raises(PermissionError, match="cannot load the program: Operation not permitted"):
        bpf._done(-1, "load the program")


def test_a_map_takes_whole_pages(monkeypatch):
    asked = []
    monkeypatch.setattr(bpf.mmap, "mmap", lambda fd, size, *how: asked.append(size))
    for size in (1, bpf.mmap.PAGESIZE, bpf.mmap.PAGESIZE + 1):
        bpf.mapped(3, size)
    assert asked == [bpf.mmap.PAGESIZE, bpf.mmap.PAGESIZE, 2 * bpf.mmap.PAGESIZE]
