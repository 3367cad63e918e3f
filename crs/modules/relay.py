"""The relay as a process of its own; all that it does is in ``crs/relay``."""

from ..relay.server import main

__all__ = ["main"]
