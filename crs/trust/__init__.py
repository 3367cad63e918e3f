"""Identities, monthly updates, credentials, tokens and sealed bodies: their formats and checks.

All formats are described in ``doc/update-file.md``. Never here: sockets, Redis, the clock (``now`` is always an
argument, in milliseconds since 1970-01-01 UTC). The ciphers are those of ``cryptography`` and ``joserfc``; this package
only chooses what goes in.
"""
