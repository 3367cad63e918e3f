"""RTP packets, and what a receiver counts."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.wire import rtp
from crs.wire.rtp import Packet, Reception


@given(
    st.builds(
        Packet,
        st.integers(0, 127),
        st.booleans(),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=400),
    )
)
def test_what_is_packed_is_parsed(sent):
    assert rtp.parse(rtp.pack(sent)) == sent


def test_counters_wrap():
    packet = rtp.parse(rtp.pack(Packet(96, False, 0x10001, 0x100000002, 7, b"")))
    assert (packet.sequence, packet.timestamp) == (1, 2)


HEADER = "8060000100000002 00000003"


@pytest.mark.parametrize(
    "octets, payload",
    [
        (HEADER + "aabb", "aabb"),
        ("8260000100000002 00000003 00000001 00000002 aabb", "aabb"),  # two contributing sources
        ("9060000100000002 00000003 bede0001 11223344 aabb", "aabb"),  # header extension of one word
        ("a060000100000002 00000003 aabb 0002", "aabb"),  # two bytes of padding
    ],
)
def test_optional_parts_are_skipped(octets, payload):
    assert rtp.parse(bytes.fromhex(octets)).payload == bytes.fromhex(payload)


@pytest.mark.parametrize(
    "octets, why",
    [
        ("", "shorter"),
        ("8060000100000002 000000", "shorter"),
        ("4060000100000002 00000003", "version"),
        ("8f60000100000002 00000003 00000001", "longer"),
        ("9060000100000002 00000003 be", "cut off"),
        ("9060000100000002 00000003 bede0002 00000000", "longer"),
        ("a060000100000002 00000003 aabb 0005", "longer"),
        ("a060000100000002 00000003 aabb 0000", "longer"),  # padding of no bytes at all
    ],
)
def test_malformed_packets_are_refused(octets, why):
    with pytest.raises(ValueError, match=why):
        rtp.parse(bytes.fromhex(octets))


@given(st.binary(max_size=64))
def test_any_bytes_give_a_packet_or_a_value_error(octets):
    with suppress(ValueError):
        rtp.parse(octets)


def test_rtcp_is_told_from_rtp():
    assert rtp.is_rtcp(bytes.fromhex("80c80006"))
    assert not rtp.is_rtcp(rtp.pack(Packet(96, True, 1, 2, 3, b"")))


def packet(number: int) -> Packet:
    return Packet(96, False, number & 0xFFFF, number * rtp.FRAME_SAMPLES & 0xFFFFFFFF, 1, b"")


def received(*numbers: int) -> Reception:
    reception = Reception()
    for at, number in enumerate(numbers):
        reception.note(packet(number), at * 0.02)
    return reception


@pytest.mark.parametrize(
    "numbers, lost",
    [
        ([1, 2, 3], 0),
        ([1, 3], 1),
        ([3, 1, 2], 0),
        ([1, 3, 2], 0),
        ([65534, 65535, 65536, 65538], 1),
        ([], 0),
    ],
)
def test_loss_is_what_is_missing_between_first_and_last(numbers, lost):
    assert received(*numbers).lost == lost
    assert received(*numbers).received == len(numbers)


def test_an_even_flow_has_no_jitter_and_a_late_packet_has_some():
    assert received(*range(100)).jitter_ms == pytest.approx(0, abs=1e-9)
    reception = Reception()
    reception.note(packet(0), 0.0)
    reception.note(packet(1), 0.036)  # 16 ms late
    assert reception.jitter_ms == pytest.approx(1.0)  # a sixteenth of it (RFC 3550, A.8)


def test_jitter_does_not_see_a_wrapping_timestamp():
    reception = Reception()
    reception.note(Packet(96, False, 1, 0xFFFFFFFF - 159, 1, b""), 0.0)
    reception.note(Packet(96, False, 2, 0, 1, b""), 0.02)
    assert reception.jitter_ms == pytest.approx(0, abs=1e-9)
