"""The network: TLS-PSK (``tls``, ``psk``) and WebSocket (``frames``, ``upgrade``, ``websocket``).

Lives here: all that touches TLS or a WebSocket frame. Never here: what a message means, who a client is, any store.
"""
