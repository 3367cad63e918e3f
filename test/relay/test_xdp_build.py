"""The program for the network driver is built where clang is at hand, and never left from before."""

from crs.relay import xdp_build


def test_the_program_is_built_where_clang_is_at_hand(tmp_path):
    target = tmp_path / "xdp.bpf.o"
    assert (xdp_build.build(target) is None) == target.exists() == (xdp_build.clang() is not None)


def test_a_failed_build_leaves_no_old_program(monkeypatch, tmp_path):
    target = tmp_path / "xdp.bpf.o"
    target.write_bytes(b"old")
    monkeypatch.setattr(xdp_build, "clang", lambda: None)
    assert xdp_build.build(target) == "clang is not installed" and not target.exists()
