"""Trust: who a client is, what a month's update says, what a token or a sealed body proves.

Lives here: formats and their checks, all of them described for outsiders in ``doc/update-file.md``.
Never here: sockets, Redis, the clock (``now`` is always an argument, in milliseconds since 1970-01-01 UTC).
The ciphers are those of ``cryptography`` and ``joserfc``; this package only says which bytes go in.
"""
