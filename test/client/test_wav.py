"""Speech files: what is read, and how a recording is put together from packets."""

import stat
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.client.wav import Recording, read_speech, swapped
from crs.errors import OperatorFault

FRAME = 160


def write_wav(path, samples: bytes, channels=1, width=2, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples)
    return path


def frames(count: int, size: int = FRAME) -> list[bytes]:
    return [bytes([number + 1, 0x10]) * size for number in range(count)]


def recorded(path, packets: list[tuple[int, bytes]]) -> bytes:
    recording = Recording(path)
    for timestamp, payload in packets:
        recording.place(timestamp, payload)
    recording.close()
    return read_speech(path)


def test_speech_is_read_in_network_byte_order(tmp_path):
    assert read_speech(write_wav(tmp_path / "a.wav", b"\x01\x02\x03\x04")) == b"\x02\x01\x04\x03"


@pytest.mark.parametrize(
    "form, told",
    [
        ({"channels": 2}, "2 channel"),
        ({"width": 1}, "8 bit"),
        ({"rate": 44100}, "44100 Hz"),
    ],
)
def test_another_form_is_refused_with_the_remedy(tmp_path, form, told):
    path = write_wav(tmp_path / "a.wav", bytes(8), **form)
    with pytest.raises(OperatorFault, match=told) as refused:
        read_speech(path)
    assert "convert it to mono, 16 bit, 8000 Hz" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all, but long enough for a header to be read"])
def test_what_is_no_wav_is_refused(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(OperatorFault, match="not a readable"):
        read_speech(tmp_path / "a.wav")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(OperatorFault, match="no such file"):
        read_speech(tmp_path / "none.wav")


@pytest.mark.parametrize("start", [0, 12345, 2**32 - 3 * FRAME])
@pytest.mark.parametrize("count", [1, 3, 60])
def test_a_recording_is_byte_for_byte_what_was_sent(tmp_path, start, count):
    sent = [*frames(count), b"\x05\x06" * 7]  # the last frame of a file is shorter
    packets = [(start + FRAME * number & 0xFFFFFFFF, payload) for number, payload in enumerate(sent)]
    assert recorded(tmp_path / "a.wav", packets) == b"".join(sent)


@given(order=st.permutations(range(12)))
def test_order_of_arrival_does_not_matter(tmp_path_factory, order):
    sent = frames(12)
    path = tmp_path_factory.mktemp("order") / "a.wav"
    assert recorded(path, [(99 + FRAME * number, sent[number]) for number in order]) == b"".join(sent)


def test_a_packet_late_after_the_start_fills_its_gap(tmp_path):
    sent = frames(60)
    order = [*range(30), *range(31, 60), 30]
    assert recorded(tmp_path / "a.wav", [(FRAME * number, sent[number]) for number in order]) == b"".join(sent)


def test_a_gap_is_silence(tmp_path):
    first, second, third = frames(3)
    assert recorded(tmp_path / "a.wav", [(0, first), (2 * FRAME, third)]) == first + bytes(len(second)) + third


def test_a_timestamp_out_of_all_bounds_is_not_believed(tmp_path):
    sent = frames(30)
    packets = [(FRAME * number, payload) for number, payload in enumerate(sent)]
    assert recorded(tmp_path / "a.wav", [*packets, (2**31 - 1, b"\1\2"), (2**31 + 5000, b"\1\2")]) == b"".join(sent)
    assert (tmp_path / "a.wav").stat().st_size == 44 + len(b"".join(sent))


def test_nothing_recorded_is_an_empty_wav_for_the_owner_alone(tmp_path):
    assert recorded(tmp_path / "a.wav", []) == b""
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == 0o600


def test_a_directory_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OperatorFault, match="cannot be written"):
        Recording(tmp_path / "none" / "a.wav")


def test_swapping_twice_changes_nothing():
    assert swapped(swapped(b"abcdef")) == b"abcdef"
