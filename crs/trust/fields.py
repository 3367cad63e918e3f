"""Parsing input of others: strict base64url, and JSON as typed structs, with one-line errors that name the field.

Errors are ValueError with text that is safe on a terminal and in a log, whatever
the input was.
"""

import base64
import binascii
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from crs import names

Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
T = TypeVar("T")


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str | bytes) -> bytes:
    """The bytes of ``text``, which must be exactly what ``b64`` writes: each value has one encoding, so that any
    changed character is an error. Raises ValueError."""
    if isinstance(text, str):
        text = text.encode("ascii", "replace")
    try:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        data = b""
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text:
        raise ValueError("a part is not base64url without padding (RFC 7515)")
    return data


def read(data: bytes | str, kind: type[T]) -> T:
    """JSON ``data`` as a value of type ``kind``. Raises ValueError that says what is wrong, and at which field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(printable(str(error))) from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write(value: Any) -> bytes:
    """``value`` as compact JSON."""
    return msgspec.json.encode(value)


def printable(text: str) -> str:
    """``text`` as at most 200 printable characters on one line."""
    return "".join(char if char.isprintable() else "?" for char in text[:200])


def check_uri(text: str) -> None:
    """Raise ValueError unless ``text`` is a URI in its normal form."""
    if names.uri(text) != text:
        raise ValueError(f"URI {printable(text)!r} is not in its normal form: write {names.uri(text)!r}")
