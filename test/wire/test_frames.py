"""The frame codec in memory: the folder of frames, any division of the bytes, and the two directions of masking."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crs.wire import frames
from test.wire import cases

LIMITS = {"max_message": 262_144, "max_frame": 262_144, "max_fragments": 64}


def decode(pieces, masked=True, **limits):
    """Messages, answers and end (code, reason) that come of ``pieces``, by the rules of an endpoint."""
    decoder = frames.Decoder(masked, **{**LIMITS, **limits})
    messages, answered = [], b""
    for piece in pieces:
        decoder.feed(piece)
        try:
            while frame := decoder.next():
                if frame.opcode == frames.TEXT:
                    messages.append(frame.payload)
                elif frame.opcode == frames.PING:
                    answered += frames.encode(frames.PONG, frame.payload)
                elif frame.opcode == frames.CLOSE:
                    code, reason = frames.close_status(frame.payload)
                    answered += frames.encode(frames.CLOSE, frames.close_payload(code))
                    return messages, answered, (code, reason)
        except frames.Violation as violation:
            answered += frames.encode(frames.CLOSE, frames.close_payload(violation.code, violation.reason))
            return messages, answered, (violation.code, violation.reason)
    return messages, answered, None


@pytest.mark.parametrize("size", [1, 3, 1000, 1 << 20])
@pytest.mark.parametrize("name", cases.names())
def test_the_folder_of_frames(name, size):
    case = cases.read(name)
    if len(case.sent) // size > 10_000:
        size = 100
    pieces = [case.sent[at : at + size] for at in range(0, len(case.sent), size)]
    assert decode(pieces) == (case.messages, case.answered, case.closed)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans(), st.data())
def test_any_bytes_come_to_the_same_however_they_are_divided(data, masked, draw):
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=8)) | {0, len(data)})
    pieces = [data[start:end] for start, end in pairwise(cuts)]
    assert decode(pieces, masked, max_message=40) == decode([data], masked, max_message=40)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=5), st.sampled_from([b"", b"\1\2\3\4", b"\0\xff\0\xff"]))
def test_what_is_encoded_is_decoded(texts, mask):
    sent = b"".join(frames.encode(frames.TEXT, text.encode(), mask) for text in texts)
    assert decode([sent], masked=bool(mask))[0] == [text.encode() for text in texts]


@given(st.binary(max_size=64), st.binary(min_size=4, max_size=4))
def test_masking_is_the_exclusive_or_of_5_3(payload, mask):
    assert frames.mask_payload(payload, mask) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def test_a_frame_has_its_own_limit():
    assert decode([b"\x81\x8b"], max_frame=10)[2] == (1009, "frame of more than 10 bytes")


def test_a_server_must_not_mask():
    assert decode([b"\x81\x80\0\0\0\0"], masked=False)[2] == (1002, "frame is masked")


@pytest.mark.parametrize(
    "size, header",
    [(0, "8100"), (125, "817d"), (126, "817e007e"), (65535, "817effff"), (65536, "817f0000000000010000")],
)
def test_lengths_take_their_shortest_form(size, header):
    assert frames.encode(frames.TEXT, b"x" * size) == bytes.fromhex(header) + b"x" * size


def test_a_decoder_at_rest_holds_nothing():
    decoder = frames.Decoder(False, **LIMITS)
    decoder.feed(frames.encode(frames.TEXT, b"x" * 70_000) + frames.encode(frames.PING, b"y"))
    assert [decoder.next().opcode, decoder.next().opcode, decoder.next()] == [frames.TEXT, frames.PING, None]
    fresh = frames.Decoder(False, **LIMITS)
    assert [getattr(decoder, name) for name in ("_buffer", "_message", "_split_character")] == [
        getattr(fresh, name) for name in ("_buffer", "_message", "_split_character")
    ]


def test_a_long_close_reason_is_cut_between_characters():
    payload = frames.close_payload(1000, "é" * 100)
    assert len(payload) == 2 + 122
    assert frames.close_status(payload) == (1000, "é" * 61)
