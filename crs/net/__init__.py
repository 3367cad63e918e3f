"""The sockets of clients: TLS-PSK (tls, tlssocket, psk, psk_build) and WebSockets on it (websocket, upgrade, rest).

What is in the bytes of a WebSocket is in ``crs.wire`` (frames, heads). Others use ``tls``, ``websocket`` and ``rest``.
"""
