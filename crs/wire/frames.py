"""WebSocket frames (RFC 6455, chapter 5): bytes in, messages and control frames out, and back.

The codec, and every rule that a frame can break with the close code for it; no sockets, no time. Text messages and
control frames only: the protocol that runs on top knows no binary ones.

At rest, between two frames, a decoder holds no bytes. Whatever a peer sends, it holds at most one message of
``max_message`` bytes, and refuses a longer one by its header.
"""

from codecs import utf_8_decode
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NO_STATUS, ABNORMAL = 1000, 1001, 1002, 1003, 1005, 1006
INVALID_TEXT, POLICY, TOO_BIG = 1007, 1008, 1009

MAX_CONTROL = 125  # bytes of payload in a control frame

_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_SHORTEST = {0: 0, 2: 126, 8: 1 << 16}  # bytes of extended length -> the least payload that needs them


class Violation(Exception):
    """The peer broke a rule; ``code`` and ``reason`` are for the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Frame(NamedTuple):
    """A whole text message (TEXT, valid UTF-8, of however many fragments) or one control frame."""

    opcode: int
    payload: bytes


class Decoder:
    """Turns the bytes of one peer into frames: ``feed`` bytes, then call ``next`` until it gives None.

    ``masked``: whether the peer must mask (a client must, a server must not). ``max_message`` and ``max_frame`` in
    bytes, ``max_fragments`` frames a message. After a Violation a decoder is of no use.
    """

    __slots__ = (
        "_masked",
        "_max_message",
        "_max_frame",
        "_max_fragments",
        "_buffer",
        "_at",
        "_left",
        "_mask",
        "_final",
        "_message",
        "_fragments",
        "_split_character",
    )

    def __init__(self, masked: bool, max_message: int, max_frame: int, max_fragments: int) -> None:
        self._masked = masked
        self._max_message = max_message
        self._max_frame = max_frame
        self._max_fragments = max_fragments
        self._buffer = b""  # what was fed and not yet used, from _at on
        self._at = 0
        self._left: int | None = None  # payload bytes still to come of a data frame; None: a header is next
        self._mask = b""
        self._final = False  # the frame under way is the last of its message
        self._message: bytes | bytearray = b""
        self._fragments = 0  # frames of the message under way; 0: none is
        self._split_character = b""  # the first bytes of a character whose others are still to come

    def feed(self, some: bytes) -> None:
        self._buffer = self._buffer[self._at :] + some if self._at < len(self._buffer) else some
        self._at = 0

    def next(self) -> Frame | None:
        """The next frame, or None when more bytes are needed. Raises Violation at the first byte that breaks a rule."""
        while True:
            if self._left is None:
                control = self._begin_frame()
                if control is not None:
                    return control
                if self._left is None:
                    return None
            self._left = self._take_payload(self._left)
            if self._left:
                return None
            self._left = None
            if self._final:
                return self._end_message()

    def _begin_frame(self) -> Frame | None:
        """Read one header. A control frame is returned whole, a data frame is under way then; else more is needed."""
        buffer, at = self._buffer, self._at
        if len(buffer) - at < 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        opcode = first & _OPCODE
        self._check_header(first, second, opcode)
        extended = {126: 2, 127: 8}.get(second & _LENGTH, 0)
        start = at + 2 + extended + (4 if self._masked else 0)
        if len(buffer) < at + 2 + extended:
            return None
        length = int.from_bytes(buffer[at + 2 : at + 2 + extended]) if extended else second & _LENGTH
        if length < _SHORTEST[extended] or length >> 63:
            raise Violation(PROTOCOL_ERROR, "payload length not in its shortest form")
        if opcode < CLOSE:
            self._check_size(length)
        if len(buffer) < start + (length if opcode >= CLOSE else 0):
            return None
        mask = buffer[start - 4 : start] if self._masked else b""
        if opcode >= CLOSE:
            self._advance(start + length)
            return Frame(opcode, mask_payload(buffer[start : start + length], mask))
        self._advance(start)
        self._left, self._mask, self._final = length, mask, bool(first & _FIN)
        self._fragments += 1
        return None

    def _check_header(self, first: int, second: int, opcode: int) -> None:
        if first & _RESERVED:
            raise Violation(PROTOCOL_ERROR, "reserved bits are set")
        if bool(second & _MASKED) != self._masked:
            raise Violation(PROTOCOL_ERROR, "frame is not masked" if self._masked else "frame is masked")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise Violation(PROTOCOL_ERROR, "reserved opcode")
            if not first & _FIN:
                raise Violation(PROTOCOL_ERROR, "control frame is fragmented")
            if second & _LENGTH > MAX_CONTROL:
                raise Violation(PROTOCOL_ERROR, "control frame is too long")
        elif opcode == CONTINUATION:
            if not self._fragments:
                raise Violation(PROTOCOL_ERROR, "continuation of nothing")
        elif opcode > BINARY:
            raise Violation(PROTOCOL_ERROR, "reserved opcode")
        elif self._fragments:
            raise Violation(PROTOCOL_ERROR, "a message begins inside another")
        elif opcode == BINARY:
            raise Violation(UNSUPPORTED, "binary message")

    def _check_size(self, length: int) -> None:
        if len(self._message) + length > self._max_message:
            raise Violation(TOO_BIG, f"message of more than {self._max_message} bytes")
        if length > self._max_frame:
            raise Violation(TOO_BIG, f"frame of more than {self._max_frame} bytes")
        if self._fragments >= self._max_fragments:
            raise Violation(POLICY, f"message of more than {self._max_fragments} fragments")

    def _take_payload(self, left: int) -> int:
        """Use what has come of the payload of the data frame under way; returns how many bytes are still to come."""
        some = self._buffer[self._at : self._at + left]
        if not some:
            return left
        self._advance(self._at + len(some))
        left -= len(some)
        some = mask_payload(some, self._mask)
        shift = len(some) % 4
        self._mask = self._mask[shift:] + self._mask[:shift]
        self._check_text(some)
        if not self._message:
            self._message = some
            return left
        if isinstance(self._message, bytes):
            self._message = bytearray(self._message)
        self._message += some
        return left

    def _check_text(self, some: bytes) -> None:
        if self._split_character:
            some = self._split_character + some
        elif some.isascii():
            return
        try:
            used = utf_8_decode(some)[1]
        except UnicodeDecodeError:
            raise Violation(INVALID_TEXT, "text is not UTF-8") from None
        self._split_character = some[used:]

    def _end_message(self) -> Frame:
        if self._split_character:
            raise Violation(INVALID_TEXT, "text ends inside a character")
        message, self._message, self._fragments = bytes(self._message), b"", 0
        return Frame(TEXT, message)

    def _advance(self, to: int) -> None:
        self._at = to
        if to == len(self._buffer):
            self._buffer, self._at = b"", 0


def encode(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One final frame. ``mask``: four random bytes from a client, none from a server."""
    length = len(payload)
    masked = _MASKED if mask else 0
    if length <= MAX_CONTROL:
        header = bytes((_FIN | opcode, masked | length))
    elif length < 1 << 16:
        header = bytes((_FIN | opcode, masked | 126)) + length.to_bytes(2)
    else:
        header = bytes((_FIN | opcode, masked | 127)) + length.to_bytes(8)
    return header + mask + mask_payload(payload, mask)


def mask_payload(payload: bytes, mask: bytes) -> bytes:
    """Mask or unmask (5.3). As two big integers: 2 ms a MiB in pieces of 16 KiB, where a loop takes 70."""
    if not mask or not payload:
        return payload
    length = len(payload)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a close frame; a reason too long for a control frame is cut. NO_STATUS gives none."""
    if code == NO_STATUS:
        return b""
    text = reason.encode()[: MAX_CONTROL - 2]
    return code.to_bytes(2) + text.decode(errors="ignore").encode()


def close_status(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; (NO_STATUS, "") without them (7.1.5). Raises Violation."""
    if not payload:
        return NO_STATUS, ""
    if len(payload) < 2:
        raise Violation(PROTOCOL_ERROR, "close code of one byte")
    code = int.from_bytes(payload[:2])
    # 7.4: 1004 to 1006 and 1015 never stand on the wire, 1012 to 1014 were registered later, up to 2999 is reserved
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise Violation(PROTOCOL_ERROR, "close code is not valid")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise Violation(INVALID_TEXT, "close reason is not UTF-8") from None
