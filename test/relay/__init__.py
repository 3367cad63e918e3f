"""The relay: packets and rules in memory, then the process with real sockets, then stock WebRTC peers."""
