"""The CRS: an open rendezvous server for secure calls and messages."""

__version__ = "5.0.0"
