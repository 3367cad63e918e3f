"""Readers: from the text of one argument or option to its value. They raise ValueError that says what would be right.

Readers of names (accounts, URIs) are those of ``crs.names``. Never here: anything that is looked up.
"""

from collections.abc import Callable


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``lowest`` to ``highest``."""
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
            raise ValueError(f"{text!r:.40} is not valid: a whole number from {lowest} to {highest}")
        return int(text)
    return read
