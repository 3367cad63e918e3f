"""The media relay: an ICE-lite endpoint on one UDP port that forwards end-to-end encrypted packets as they are.

Three layers; none imports from one below it in this list:

    bytes    crs.wire.stun  STUN messages to values and back
    rules    seen           which transaction ids were used before
             leg            one end of a flow, the counts of its packets, what a fast path is told
             conversation   bindings, limits, expiry; what is plain media; the verdict on every other packet
             control        the commands of workers and crs-cli, one JSON object a line
    sockets  forward        the UDP sockets, and the path of a packet in Python
             fast           the same path in C (fast.c, fast_table.h), where a compiler was at hand (fast_build)
             xdp            the same in the network driver (xdp.bpf.c, built by xdp_build), where media-offload asks
                            for it: at which device (devices), by which system calls (bpf)
             loop           further threads that drain the UDP port, where fast is there and cores are
             server         the process: one loop over the UDP port and the control socket

The rules have neither sockets nor clocks: time is an argument. ``client`` is the other end of control, for workers and
crs-cli. The process uses the standard library, msgspec and its own C part alone, so that it is back soon after a crash.
``doc/relay.md`` says what a media client sends, and describes the control protocol.
"""
