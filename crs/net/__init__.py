"""The network: TLS-PSK (tls, tlssocket, psk, psk_build) and WebSocket (websocket, upgrade, heads, frames).

Lives here: all that touches TLS or a WebSocket frame. Never here: what a message means, who a client is, any store.
Others use ``tls`` and ``websocket`` alone.
"""
