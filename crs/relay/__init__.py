"""The media relay: an ICE-lite endpoint on one UDP port that forwards end-to-end encrypted packets as they are.

Three layers, each of which knows only those above it in this list, and a way in:

    packet        STUN: bytes to values and back
    seen          which transaction ids were used before
    leg           one end of a flow, and the counts of its packets
    conversation  bindings, limits, expiry: no sockets, no clock
    forward       UDP sockets and the path of a packet
    fast          the same path in C (fast.c, fast_table.h), where a compiler was at hand (fast_build)
    xdp           what the network driver forwards (xdp.bpf.c, built by xdp_build), where media-offload asks for it:
                  which device (devices), and BPF's system calls (bpf)
    control       the line protocol by which workers and crs-cli command the relay
    loop          further threads that drain the UDP port, where fast is there and cores are
    server        the process: one loop over both kinds of sockets
    client        the other end of control, for workers and crs-cli

The process uses the standard library, msgspec and its own C part alone, so that it is back soon after a crash.
``doc/relay.md`` says what a media client sends, and describes the control protocol.
"""
