"""Bytes to values and back: the clients' vocabulary, WebSocket frames, HTTP heads, STUN, RTP. No sockets."""
