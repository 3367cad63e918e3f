"""The relay as a process of its own: everything it does stands in ``crs/relay``."""

from ..relay.server import main

__all__ = ["main"]
